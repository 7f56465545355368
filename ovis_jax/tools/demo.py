"""Command line that tracks a video with the small model of the package, without training.

    ovis-jax demo [--output DIR] [--input VIDEO.mp4] [--seed 7]

Without `--input` an occluded clip is generated, tracked and scored. Writes `results.json`, a movie
and a contact sheet of the tracks, and `index.html`, a page with their timelines. Exit codes: 0
done, 2 bad input.
"""

import argparse
import pathlib
import sys

from ml_collections import ConfigDict

from ovis_jax.checkpoints.packed import PackedModel, read_packed
from ovis_jax.classes import ModelClasses
from ovis_jax.data.image_sources import open_images
from ovis_jax.data.shapes.generate import generate
from ovis_jax.data.shapes.parameters import ShapesParameters
from ovis_jax.demo import MODEL
from ovis_jax.evaluation import evaluate
from ovis_jax.formats.annotations import load_annotations
from ovis_jax.models.build import build_system
from ovis_jax.predict import Predictor, TrainedModel, predict
from ovis_jax.program.config_changes import completed
from ovis_jax.program.start import start
from ovis_jax.tools.options import demo as parser
from ovis_jax.tools.output_paths import check_output
from ovis_jax.tools.predict_video import predict_video
from ovis_jax.tools.tool import run_tool
from ovis_jax.visualization.browsing import Browsed, frames_in, write_browser
from ovis_jax.visualization.viewer.page import Systems, video_data, write_page

_MIN_SCORE = 0.3  # of tracks that are drawn


def main(arguments: list[str] | None = None) -> int:
    """Tracks, prints what to look at, returns the exit code."""
    return run_tool(parser(), run, arguments)


def run(options: argparse.Namespace) -> None:
    """Does what the options say.

    Raises:
      InputError: the video cannot be read, or the folder holds something else.
    """
    check_output(options.output)
    packed = read_packed(MODEL)
    config = ConfigDict(completed(packed.config))
    if options.input is None:
        track_generated(packed, config, options.output, options.seed)
    else:
        track_video(packed, config, options.input, options.output)
    print(f"look at {options.output / 'index.html'}")


def track_generated(
    packed: PackedModel, config: ConfigDict, output: pathlib.Path, seed: int
) -> None:
    """Generates a clip that the model never saw, tracks, scores and draws it."""
    clip = ShapesParameters(train_videos=0, valid_videos=1, seed=seed)
    generate(output / "clip", clip)
    annotations = load_annotations(output / "clip" / "annotations_valid.json")
    config.data.eval_images = str(output / "clip" / "valid")
    start(config.matmul_precision)
    system = build_system(config)
    records = predict(
        system,
        packed.variables,
        annotations,
        config,
        output / "results.json",
        ModelClasses(packed.categories, str(MODEL)),
    ).records
    values = evaluate(annotations, records).values
    print(
        f"AP of this clip: {100 * values['AP']:.1f}, at an IoU of 0.5: {100 * values['AP50']:.1f}"
    )
    systems = Systems(annotations, {"results": records}, _MIN_SCORE)
    browsed = Browsed(systems, annotations.videos, frames_in(config.data.eval_images))
    write_browser(browsed, output)


def track_video(
    packed: PackedModel, config: ConfigDict, path: pathlib.Path, output: pathlib.Path
) -> None:
    """Tracks a video of the user's, in which the model looks for the shapes that it knows."""
    images = open_images(path)
    start(config.matmul_precision)
    model = TrainedModel(build_system(config), packed.variables, config, packed.categories)
    records = predict_video(Predictor(model, ahead=1), images, output, _MIN_SCORE)
    annotations = load_annotations(output / "annotations.json")
    systems = Systems(annotations, {"results": records}, _MIN_SCORE)
    videos = [video_data(systems, video, images.read()) for video in annotations.videos]
    write_page(output / "index.html", path.name, systems, videos)


if __name__ == "__main__":
    sys.exit(main())
