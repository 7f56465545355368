"""Renews the numbers of TrackEval in cases.json; the scenes stay.

    python make_cases.py FOLDER

FOLDER is a clone of github.com/JonathonLuiten/TrackEval. It needs numpy below 1.24, scipy and
pycocotools, so this runs in an environment of its own and imports nothing of this project.
"""

import contextlib
import io
import json
import pathlib
import sys
import tempfile

import numpy as np
from pycocotools import mask as coco

HEIGHT, WIDTH = 32, 48
CASES = pathlib.Path(__file__).with_name("cases.json")
HOTA = ("HOTA", "DetA", "AssA", "LocA", "DetRe", "DetPr", "AssRe", "AssPr", "OWTA")
IDENTITY = ("IDF1", "IDP", "IDR")
CLEAR = {"IDSW": "switches", "CLR_TP": "matched"}
TRACK_MAP = {"AP_all": "AP", "AR_all": "AR"}


def main() -> None:
    """Evaluates every scene and writes the file anew."""
    sys.path.insert(0, sys.argv[1])
    recorded = json.loads(CASES.read_text())
    for case in recorded["cases"]:
        case["trackeval"] = evaluate(case["scene"])
    lines = [json.dumps(case, separators=(",", ":")) for case in recorded["cases"]]
    head = f'{{"source": {json.dumps(recorded["source"])}, "cases": ['
    CASES.write_text("\n".join([head, ",\n".join(lines), "]}"]) + "\n")


def evaluate(scene: dict) -> dict:
    """The numbers of each category and of both ways of combining them."""
    import trackeval

    with tempfile.TemporaryDirectory() as folder, contextlib.redirect_stdout(io.StringIO()):
        write_files(pathlib.Path(folder), scene)
        quiet = {"PRINT_CONFIG": False}
        dataset = trackeval.datasets.YouTubeVIS(
            {
                **quiet,
                "GT_FOLDER": f"{folder}/gt/",
                "TRACKERS_FOLDER": f"{folder}/trackers/",
                "SPLIT_TO_EVAL": "val",
            }
        )
        metrics = [
            trackeval.metrics.TrackMAP({**quiet, "USE_TIME_RANGES": False}),
            trackeval.metrics.HOTA(),
            trackeval.metrics.CLEAR(quiet),
            trackeval.metrics.Identity(quiet),
        ]
        outputs = ("PRINT_RESULTS", "OUTPUT_SUMMARY", "OUTPUT_DETAILED", "PLOT_CURVES")
        evaluator = trackeval.Evaluator({**quiet, **dict.fromkeys(outputs, False)})
        found, _ = evaluator.evaluate([dataset], metrics)
    found = found["YouTubeVIS"]["system"]["COMBINED_SEQ"]
    return {name: numbers(own, name.startswith("kind")) for name, own in found.items()}


def numbers(found: dict, is_category: bool) -> dict:
    """What is recorded of one category or combination; TrackMAP and CLEAR of categories alone."""
    chosen = {name: found["HOTA"][name] for name in HOTA}
    chosen |= {name: found["Identity"][name] for name in IDENTITY}
    if is_category:
        chosen |= {own: found["CLEAR"][name] for name, own in CLEAR.items()}
        chosen |= {own: found["TrackMAP"][name] for name, own in TRACK_MAP.items()}
    return {name: np.round(value, 10).tolist() for name, value in chosen.items()}


def write_files(folder: pathlib.Path, scene: dict) -> None:
    """Writes the scene as TrackEval reads YouTube-VIS."""
    videos, objects, tracks, kinds = [], [], [], set()
    for number, video in enumerate(scene["videos"], 1):
        files = [f"video{number}/{frame}.jpg" for frame in range(video["frames"])]
        videos.append({"id": number, "width": WIDTH, "height": HEIGHT, "file_names": files})
        kinds |= {own["category"] for own in video["objects"] + video["tracks"]}
        for own in video["objects"]:
            masks = [box and mask(box) for box in own["boxes"]]
            objects.append(
                {
                    **{"id": len(objects) + 1, "video_id": number, "iscrowd": 0},
                    **{"category_id": own["category"], "height": HEIGHT, "width": WIDTH},
                    "segmentations": [own and uncompressed(own) for own in masks],
                    "areas": [own and int(coco.area(own)) for own in masks],
                }
            )
        for own in video["tracks"]:
            head = {"video_id": number, "category_id": own["category"], "score": own["score"]}
            tracks.append({**head, "segmentations": [box and mask(box) for box in own["boxes"]]})
    categories = [{"id": kind, "name": f"kind{kind}"} for kind in sorted(kinds)]
    truth = {"videos": videos, "categories": categories, "annotations": objects}
    for place, content in (
        ("gt/youtube_vis_val", truth),
        ("trackers/youtube_vis_val/system/data", tracks),
    ):
        (folder / place).mkdir(parents=True)
        (folder / place / "own.json").write_text(json.dumps(content))


def mask(box: list) -> dict:
    """Compressed mask of a box."""
    x, y, width, height = box
    shown = np.zeros((HEIGHT, WIDTH), np.uint8, order="F")
    shown[y : y + height, x : x + width] = 1
    return {"size": [HEIGHT, WIDTH], "counts": coco.encode(shown)["counts"].decode()}


def uncompressed(own: dict) -> dict:
    """The same as run lengths, which TrackEval wants of ground truth."""
    pixels = coco.decode(own).ravel(order="F")
    edges = np.flatnonzero(np.diff(np.concatenate([[0], pixels, [1 - pixels[-1]]])))
    return {"size": own["size"], "counts": np.diff(np.concatenate([[0], edges])).tolist()}


if __name__ == "__main__":
    main()
