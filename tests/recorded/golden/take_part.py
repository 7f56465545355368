"""Makes the small part of the golden data that stands beside this file from the whole.

    python tests/recorded/golden/take_part.py WHOLE

Operations are kept as they are, maps are thinned out, of the clips one video stays. PART marks the
folder: tests skip what it lacks, and would fail for the same lack in the whole.
"""

import json
import pathlib
import shutil
import sys

import numpy as np

VIDEO, VIDEO_ID = "v1fix", 2
LARGEST = 1500  # numbers kept of a map
WHOLE_ARRAYS = ("proposals", "rois", "roi_levels", "base_anchors", "anchors")


def main(whole: pathlib.Path) -> None:
    """Writes the folder of each system."""
    take_cmasktrack_rcnn(whole / "cmasktrack_rcnn", empty_part("cmasktrack_rcnn"))
    take_sipmask(whole / "sipmask", empty_part("sipmask"))
    take_crossvis(whole / "crossvis", empty_part("crossvis"))
    take_queryvis(whole / "queryvis", empty_part("queryvis"))
    take_stem_seg(whole / "stem_seg", empty_part("stem_seg"))
    take_stmask(whole / "stmask", empty_part("stmask"))
    take_trades(whole / "trades", empty_part("trades"))


def empty_part(system: str) -> pathlib.Path:
    """The folder of a system, marked as a part."""
    folder = pathlib.Path(__file__).parent / system
    folder.mkdir(exist_ok=True)
    (folder / "PART").write_text("Made by ../take_part.py\n")
    return folder


def take_sipmask(source: pathlib.Path, target: pathlib.Path) -> None:
    """Operations, target assignment, and the batch with its losses and gradients."""
    for name in ("ops.npz", "targets.npz", "loss.json"):
        shutil.copyfile(source / name, target / name)
    write(target / "params.json", named_parameters(source))
    batch = np.load(source / "loss.npz")
    unread = ("pred_masks", "pred_mask_sum", "match_logits", "match_targets")
    save(target / "loss.npz", {k: v for k, v in batch.items() if not k.endswith(unread)})


def take_crossvis(source: pathlib.Path, target: pathlib.Path) -> None:
    """Operations, target assignment, the tracker, and the names of the parameters."""
    for name in ("ops.npz", "targets.npz", "tracker.npz", "tracker_results.json"):
        shutil.copyfile(source / name, target / name)
    parameters = json.loads((source / "params.json").read_text())
    write(target / "params.json", [thin_entry(entry) for entry in parameters])


def take_queryvis(source: pathlib.Path, target: pathlib.Path) -> None:
    """Operations but for RoIAlign, and the names of the parameters."""
    operations = np.load(source / "ops.npz")
    save(target / "ops.npz", {k: v for k, v in operations.items() if not k.startswith("roi/")})
    parameters = json.loads((source / "params.json").read_text())
    write(target / "params.json", [thin_entry(entry) for entry in parameters])


def take_stem_seg(source: pathlib.Path, target: pathlib.Path) -> None:
    """Operations, and the names of the parameters."""
    for name in ("ops.npz", "ops.json"):
        shutil.copyfile(source / name, target / name)
    parameters = json.loads((source / "params.json").read_text())
    write(target / "params.json", [thin_entry(entry) for entry in parameters])


def take_stmask(source: pathlib.Path, target: pathlib.Path) -> None:
    """Operations, and the names of the parameters."""
    shutil.copyfile(source / "ops.npz", target / "ops.npz")
    write(target / "params.json", named_parameters(source))


def take_trades(source: pathlib.Path, target: pathlib.Path) -> None:
    """Operations, losses and the tracker, and the names of the parameters."""
    shutil.copyfile(source / "ops.npz", target / "ops.npz")
    write(target / "params.json", named_parameters(source))


def named_parameters(source: pathlib.Path) -> dict:
    """What it takes to make the weights from their names."""
    parameters = json.loads((source / "params.json").read_text())
    parameters["params"] = [thin_entry(entry) for entry in parameters["params"]]
    return parameters


def thin_entry(entry: dict) -> dict:
    """What it takes to make one tensor from its name."""
    return {k: entry[k] for k in ("name", "shape", "scale", "offset", "abs", "crc32")}


def take_cmasktrack_rcnn(source: pathlib.Path, target: pathlib.Path) -> None:
    """Operations, a frame, and one video."""
    for name in ("ops.npz", "overrides.npz"):
        shutil.copyfile(source / name, target / name)
    manifest = json.loads((source / "manifest.json").read_text())
    arrays = manifest["arrays"]["frame.npz"]
    save(target / "frame.npz", thinned(np.load(source / "frame.npz"), arrays))
    write(target / "manifest.json", {"set": manifest["set"], "arrays": {"frame.npz": arrays}})
    write(target / "params.json", named_parameters(source))
    clip = np.load(source / "inputs.npz")
    save(target / "inputs.npz", {name: clip[name] for name in ("clip_rgb", "resized_bgr")})
    tracking = json.loads((source / "tracking.json").read_text())[VIDEO]
    write(target / "tracking.json", {VIDEO: [without_masks(frame) for frame in tracking]})
    results = json.loads((source / "results_intended.json").read_text())
    fields = ("video_id", "category_id", "score", "segmentations")
    own = [{k: r[k] for k in fields} for r in results if r["video_id"] == VIDEO_ID]
    write(target / "results_intended.json", own)


def thinned(arrays, manifest: dict) -> dict[str, np.ndarray]:
    """At most LARGEST numbers of each array; changes their entries in the manifest."""
    kept = {}
    for name, array in arrays.items():
        entry = manifest[name]
        stored = int(entry["stored"].split("::")[1][:-1]) if entry["stored"] != "full" else 1
        factor = -(-array.size // LARGEST)
        kept[name] = array
        if factor > 1 and not name.startswith(WHOLE_ARRAYS):
            factor += 1 - factor % 2  # odd, so that it does not fall in step with the axes
            kept[name] = array.reshape(-1)[::factor]
            entry["stored"] = f"flat[::{stored * factor}]"
    return kept


def without_masks(frame: dict) -> dict:
    """A frame of tracking.json without the masks, which are in the results."""
    kept = ("box", "score", "label", "id")
    return frame | {"detections": [{k: d[k] for k in kept} for d in frame["detections"]]}


def save(path: pathlib.Path, arrays: dict[str, np.ndarray]) -> None:
    """Writes arrays compressed."""
    np.savez_compressed(path, **arrays)


def write(path: pathlib.Path, content: object) -> None:
    """Writes JSON without spaces."""
    path.write_text(json.dumps(content, separators=(",", ":")) + "\n")


if __name__ == "__main__":
    main(pathlib.Path(sys.argv[1]))
