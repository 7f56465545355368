#!/usr/bin/env bash
# trackeval 1.3.0: an object that the track numbered 0 found can be found again.
#
# TrackMAP keeps the number of the track that took an object, and takes an object for free where that
# number is not above 0. Its YouTube-VIS and TAO readers number predicted tracks from 0, so the first
# track of a file never takes its object, and a duplicate of it counts as correct. Any other numbering
# gives the AP of the definition.
#
# Seen: two objects, one found twice and one not at all: AP 1.0 with the tracks numbered 0 and 1, and
# 0.505 (51 of 101 recall values) numbered 1 and 2.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q trackeval==1.3.0 numpy==2.4.6
cd "$folder"
"$folder/venv/bin/python" - <<'PYTHON'
import numpy as np
from trackeval.metrics.track_map import TrackMAP

NEAR = {frame: np.array([10.0, 10, 20, 20]) for frame in range(3)}  # x, y, width, height
FAR = {frame: np.array([200.0, 10, 20, 20]) for frame in range(3)}


def average_precision(numbers):
    """Of two tracks with these numbers, both of the near object."""
    metric = TrackMAP({"USE_AREA_RANGES": False, "USE_TIME_RANGES": False, "PRINT_CONFIG": False})
    video = metric.eval_sequence(
        {
            "gt_track_ids": [1, 2],
            "gt_tracks": [NEAR, FAR],
            "dt_track_ids": numbers,
            "dt_tracks": [NEAR, NEAR],
            "dt_track_scores": np.array([0.9, 0.8]),
            "iou_type": "bbox",
        }
    )
    return float(np.mean(metric.combine_sequences({"video": video})["AP_all"]))


from_zero, from_one = average_precision([0, 1]), average_precision([1, 2])
print(f"AP of the same tracks: numbered from 0 {from_zero:.3f}, from 1 {from_one:.3f}")
assert round(from_zero, 3) == 1.0 and round(from_one, 3) == 0.505, "it has changed"
PYTHON
