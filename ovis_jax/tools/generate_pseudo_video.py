"""Command line that writes pseudo-videos, as training makes them of images, in OVIS format.

    ovis-jax generate pseudo-video --config NAME --output DIR
        [--videos N --frames T --seed S --config.data.pseudo_video.FIELD=VALUE]

Exit codes: 0 the folder holds the clips, 2 bad input.
"""

import argparse
import sys
from collections.abc import Sequence

import tqdm
from ml_collections import ConfigDict

from ovis_jax.data.from_config import (
    annotation_options,
    flip_probability,
    pseudo_video,
    resizing,
)
from ovis_jax.data.pseudo.files import VideoMaker, write_pseudo_videos
from ovis_jax.data.pseudo.stills import CocoStills, chosen_labels, load_stills
from ovis_jax.data.settings import StillImages
from ovis_jax.formats.annotations import Category, load_header
from ovis_jax.program import command_line
from ovis_jax.program.configurations import read_configuration
from ovis_jax.tools.options import generate_pseudo_video as parser


def video_maker(data: ConfigDict, capacity: int) -> VideoMaker:
    """What `config.data` describes; reads the annotations.

    Raises:
      InputError: they cannot be used, or a field is missing, unknown or makes no sense.
    """
    settings, resized, flip = pseudo_video(data), resizing(data), flip_probability(data)
    source = settings.stills
    loaded = load_stills(source.annotations, annotation_options(data))
    categories = categories_of(source, data.train_annotations)
    labels = chosen_labels(loaded.categories, categories, source.categories, loaded.path)
    stills = CocoStills(loaded, source.images, labels, capacity=capacity)
    return VideoMaker(stills, categories, settings, resized, flip)


def categories_of(source: StillImages, train_annotations: str) -> Sequence[Category]:
    """Those that `config.data.pseudo_video.categories` names, or of the training videos.

    Raises:
      InputError: names are not given, and the annotations of the videos cannot be read.
    """
    if not source.categories:
        return load_header(train_annotations).categories
    ours = dict.fromkeys(name for _, name in source.categories)
    return tuple(Category(number, name) for number, name in enumerate(ours, start=1))


def main(arguments: Sequence[str] | None = None) -> int:
    """Writes what the options say, returns the exit code."""
    options, settings = parser().parse_with_settings(arguments)
    return command_line.run(lambda: run(options, read_configuration(options.config, settings)))


def run(options: argparse.Namespace, config: ConfigDict) -> None:
    """Does what the options say.

    Raises:
      InputError: a file or the folder cannot be used, or a field of the configuration.
    """
    maker = video_maker(config.data, config.capacity.instances)
    with tqdm.tqdm(total=options.videos, unit="video", disable=None, leave=False) as bar:
        write_pseudo_videos(
            options.output,
            maker,
            videos=options.videos,
            frames=options.frames,
            seed=options.seed,
            progress=bar.update,
        )
    print(f"{options.output}: {options.videos} videos of {options.frames} frames")


if __name__ == "__main__":
    sys.exit(main())
