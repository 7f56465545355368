#!/usr/bin/env bash
# datumaro 1.13.12 and supervision 0.31.2: COCO exports mark the masks of single objects as crowds.
#
# In COCO's format `iscrowd: 1` says that an annotation is a group which is neither trained on nor
# scored. datumaro's "coco_instances" writes 1 for everything that is a mask in memory and 0 for
# polygons; supervision's DetectionDataset.as_coco writes 1 for masks with a hole and 0 for others, and
# leaves the tracker_id of detections out. A data set of masks can lose all of its objects that way, and
# one object can be a crowd in some frames of a video and none in others.
#
# Seen: datumaro: mask 1, polygon of the same pixels 0; supervision: mask with a hole 1, without 0; no
# key of an entry names the track.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q datumaro==1.13.12 supervision==0.31.2
cd "$folder"
"$folder/venv/bin/python" - <<'PYTHON'
import json
import pathlib

import cv2
import datumaro
import numpy as np
import supervision

frame = np.zeros((40, 60, 3), np.uint8)
mask = np.zeros((40, 60), np.uint8)
mask[10:20, 5:17] = 1
outline = [5, 10, 17, 10, 17, 20, 5, 20]
item = datumaro.DatasetItem(
    id="a",
    media=datumaro.Image.from_numpy(frame),
    annotations=[datumaro.Mask(mask, label=0, id=1), datumaro.Polygon(outline, label=0, id=2)],
)
datumaro.Dataset.from_iterable([item], categories=["thing"]).export("datumaro", "coco_instances")
(path,) = pathlib.Path("datumaro").rglob("*.json")
marks = [entry["iscrowd"] for entry in json.loads(path.read_text())["annotations"]]

ring, block = np.zeros((2, 40, 60), bool)
ring[10:30, 10:30] = True
ring[16:24, 16:24] = False
block[5:9, 40:50] = True
detections = supervision.Detections(
    xyxy=np.array([[10, 10, 30, 30], [40, 5, 50, 9]], float),
    mask=np.stack([ring, block]),
    class_id=np.array([0, 0]),
    tracker_id=np.array([7, 8]),
)
cv2.imwrite("a.png", frame)
data = supervision.DetectionDataset(
    classes=["thing"], images=["a.png"], annotations={"a.png": detections}
)
data.as_coco(annotations_path="supervision.json")
entries = json.loads(pathlib.Path("supervision.json").read_text())["annotations"]
others = [entry["iscrowd"] for entry in entries]
tracks = [key for entry in entries for key in entry if "track" in key]

print(f"datumaro: mask, polygon {marks}; supervision: with a hole, without {others}, tracks {tracks}")
assert marks == [1, 0] and others == [1, 0] and not tracks, "it has changed"
PYTHON
