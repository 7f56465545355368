"""Command line that writes pseudo-videos, as training makes them of images, in OVIS format.

    python -m ovis_jax.tools.generate_pseudo_video --config=configs/X.py --output DIR
        [--videos N --frames T --seed S --config.data.pseudo_video.FIELD=VALUE]

Exit codes: 0 the folder holds the clips, 2 bad input.
"""

from collections.abc import Sequence

import tqdm
from absl import flags
from ml_collections import ConfigDict, config_flags

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


def define_flags() -> None:
    """Defines the flags that `main` reads."""
    config_flags.DEFINE_config_file("config", None, "Configuration that describes the clips.")
    flags.DEFINE_string("output", None, "Folder to make.")
    flags.DEFINE_integer("videos", 8, "Number of clips, each of another image.")
    flags.DEFINE_integer("frames", 8, "Frames of each clip.")
    flags.DEFINE_integer("seed", 0, "Of images and motions.")
    flags.mark_flags_as_required(["config", "output"])


def main() -> None:
    """Writes what the flags say."""
    values = flags.FLAGS
    maker = video_maker(values.config.data, values.config.capacity.instances)
    with tqdm.tqdm(total=values.videos, unit="video", disable=None, leave=False) as bar:
        write_pseudo_videos(
            values.output,
            maker,
            videos=values.videos,
            frames=values.frames,
            seed=values.seed,
            progress=bar.update,
        )
    print(f"{values.output}: {values.videos} videos of {values.frames} frames")


if __name__ == "__main__":
    define_flags()
    command_line.run(main)
