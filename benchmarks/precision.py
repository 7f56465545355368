"""AP of a trained model computed in float32 and in bfloat16, and where the two disagree.

    python -m benchmarks.precision --workdir runs/quickstart [--annotations FILE --images DIR]

On the videos that the run is evaluated on, or on others: few videos say little about small
differences. The weights are those of the run's newest checkpoint; matrix products and convolutions
take bfloat16 numbers in the second pass, everything that decides (boxes, scores, suppression,
matching of identities) stays in float32.
"""

import argparse
import json
import pathlib

from ml_collections import ConfigDict

from ovis_jax.evaluation import evaluate, match_details, match_results
from ovis_jax.formats.annotations import Annotations, load_annotations
from ovis_jax.predict import predict
from ovis_jax.program.compilation import keep_compiled_programs, multiply_with
from ovis_jax.program.host_memory import keep_freed_memory
from ovis_jax.program.workdir import Workdir
from ovis_jax.train import restore_model

COLUMNS = ("AP", "AP50", "AP75", "AP_SO", "AP_MO", "AP_HO")


def main() -> None:
    """Prints a table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--workdir", type=pathlib.Path, required=True)
    parser.add_argument("--annotations", help="of other videos")
    parser.add_argument("--images", help="folder of their frames")
    options = parser.parse_args()
    keep_compiled_programs()
    keep_freed_memory()
    config = ConfigDict(json.loads((options.workdir / "config.json").read_text()))
    multiply_with(config.matmul_precision)
    workdir = Workdir(options.workdir, json.loads(config.to_json()))
    if options.annotations:
        config.data.update(eval_annotations=options.annotations, eval_images=options.images)
    annotations = load_annotations(config.data.eval_annotations)
    found = {
        dtype: predicted(workdir, config, dtype, annotations) for dtype in ("float32", "bfloat16")
    }
    print(f"{'':10s}" + "".join(f"{name:>8s}" for name in (*COLUMNS, "tracks")))
    for dtype, records in found.items():
        metrics = evaluate(annotations, records).values
        cells = "".join(f"{100 * metrics[name]:8.2f}" for name in COLUMNS)
        print(f"{dtype:10s}{cells}{len(records):8d}")
    same = [found_objects(annotations, records) for records in found.values()]
    both, only_one = same[0] & same[1], same[0] ^ same[1]
    print(f"objects found at an IoU of 0.5: {len(both)} by both, {len(only_one)} by one of them")


def predicted(
    workdir: Workdir, config: ConfigDict, dtype: str, annotations: Annotations
) -> list[dict]:
    """The records of results.json in one precision."""
    config.model.dtype = dtype
    system, variables = restore_model(config, workdir)
    return predict(system, variables, annotations, config, None).records


def found_objects(annotations: Annotations, records: list) -> set:
    """Ids of the objects that are matched."""
    objects = match_details(match_results(annotations, records))["objects"]
    return {own["id"] for own in objects if own["track"] is not None}


if __name__ == "__main__":
    main()
