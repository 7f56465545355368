"""What it costs to see no later frame: AP with and without, of the same weights.

    python -m benchmarks.causal --annotations A.json --images DIR [--checkpoint PATH]

Tracks every video of an annotation file by `Predictor.track`, as the model was trained and
causally, and prints metrics of both. Without a checkpoint the model is that of the package.
"""

import argparse
import pathlib

from tqdm import tqdm

from ovis_jax.data.frame_files import read_frame
from ovis_jax.demo import MODEL
from ovis_jax.evaluation import evaluate
from ovis_jax.formats.annotations import Annotations, load_annotations
from ovis_jax.formats.category_names import ids_of_labels
from ovis_jax.predict import Predictor
from ovis_jax.tracking.tracklets import Tracklets

_SHOWN = ("AP", "AP50", "AP_SO", "AP_MO", "AP_HO")


def records_of(predictor: Predictor, annotations: Annotations, images: pathlib.Path) -> list[dict]:
    """Entries of results.json of all videos."""
    known, path = predictor.model.categories, annotations.path
    category_ids = ids_of_labels(known, annotations.categories, path, "the model")
    records = []
    for video in tqdm(annotations.videos, unit="video"):
        frames = (read_frame(images / own, video.width, video.height) for own in video.file_names)
        tracked, tracks = predictor.track(frames), Tracklets()
        for r in tracked:
            tracks.add(r.frame, r.ids, r.scores, r.labels, r.rles, r.class_scores)
        tracks.finish(tracked.finish)
        rule = predictor.model.system.track_rule
        records += tracks.records(video.id, video.length, category_ids, rule)
    return records


def main() -> None:
    """Measures and prints a table."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.causal")
    parser.add_argument("--annotations", required=True)
    parser.add_argument("--images", type=pathlib.Path, required=True)
    parser.add_argument("--checkpoint", default=MODEL)
    options = parser.parse_args()
    annotations = load_annotations(options.annotations)
    print("| sees later frames | " + " | ".join(_SHOWN) + " |")
    print("|---" * (len(_SHOWN) + 1) + "|")
    for causal in (False, True):
        predictor = Predictor.from_checkpoint(options.checkpoint, causal=causal)
        values = evaluate(annotations, records_of(predictor, annotations, options.images)).values
        numbers = " | ".join(f"{100 * values[name]:.1f}" for name in _SHOWN)
        print(f"| {'no' if causal else predictor.model.system.window_after} | {numbers} |")


if __name__ == "__main__":
    main()
