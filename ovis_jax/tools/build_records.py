"""Command line that builds records to train on from a download folder, as `tfds build` does.

    ovis-jax generate records --dataset ovis --download DIR --output DIR
        [--config prepared --image-scale 640 360 --image-encoding raw] [--beam DirectRunner]
        [--crowds-are-objects] [--boxes-from-masks]

Prints the folder for `--config.data.train_records`. Exit codes: 0 it holds the data set, 2 bad
arguments or a download that is not complete.
"""

from __future__ import annotations

import argparse
import dataclasses
import importlib.util
import sys
import types
import typing

from ovis_jax.formats.annotation_options import AnnotationOptions
from ovis_jax.formats.errors import InputError
from ovis_jax.tools.annotation_flags import annotation_options
from ovis_jax.tools.options import build_records as parser
from ovis_jax.tools.tool import run_tool

if typing.TYPE_CHECKING:  # imported where something is built, as building alone needs it
    import tensorflow_datasets as tfds

    from ovis_jax.data.tfds.records_config import RecordsConfig
    from ovis_jax.data.tfds.video_builder import VideoBuilder


def main(arguments: list[str] | None = None) -> int:
    """Builds, prints the folder, returns the exit code."""
    return run_tool(parser(), run, arguments)


def run(options: argparse.Namespace) -> None:
    """Does what the options say.

    Raises:
      InputError: the download or an option cannot be used.
    """
    builder = _builder(options)
    builder.download_and_prepare(download_config=_download_config(options))
    for split in builder.info.splits.values():
        print(f"{split.name}: {split.num_examples} examples in {split.num_shards} files")
    print(builder.data_dir)


def _builders() -> types.ModuleType:
    """The module of the builders.

    Raises:
      InputError: TensorFlow Datasets, which alone can build, is not installed.
    """
    try:
        from ovis_jax.data import tfds as builders
    except ModuleNotFoundError as error:
        raise InputError(
            f"building records needs {error.name}, which is not installed; expected the extra "
            "'train' (records that are built already can be trained on without it)"
        ) from error
    return builders


def _builder(options: argparse.Namespace) -> VideoBuilder:
    builders = _builders()
    classes = (getattr(builders, name) for name in builders.__all__)
    cls = next(cls for cls in classes if cls.name == options.dataset)
    config = cls.builder_configs[options.config]
    if options.image_scale or options.image_encoding:
        config = _other_config(config, options)
    if options.crowds_are_objects or options.boxes_from_masks:
        config = _with_options(config, annotation_options(options))
    return cls(data_dir=options.output, config=config, file_format=options.file_format)


def _other_config(config, options: argparse.Namespace):
    """A configuration of prepared frames with another size or encoding, named after both."""
    if config.example != "prepared_frame":
        raise InputError(
            f"--config: {config.name}, expected prepared with an image size or encoding"
        )
    scale = tuple(options.image_scale or config.image_scale)
    encoding = options.image_encoding or config.image_encoding
    return type(config)(
        name=f"prepared_{scale[0]}x{scale[1]}_{encoding}",
        example=config.example,
        image_scale=scale,
        image_encoding=encoding,
    )


def _with_options(config: RecordsConfig, options: AnnotationOptions) -> RecordsConfig:
    """A configuration with other crowds or boxes, named after them."""
    crowds = "_crowds_as_objects" if options.crowds_are_objects else ""
    boxes = "_mask_boxes" if options.boxes == "masks" else ""
    return dataclasses.replace(
        config,
        name=f"{config.name}{crowds}{boxes}",
        crowds_are_objects=options.crowds_are_objects,
        boxes=options.boxes,
    )


def _download_config(options: argparse.Namespace) -> tfds.download.DownloadConfig:
    generated = options.dataset == "occluded_shapes"
    if generated and options.download is not None:
        raise InputError(f"--download: {options.download}, but {options.dataset} is generated")
    if options.download is None and not generated:
        raise InputError(f"--download: expected the folder of the downloaded {options.dataset}")
    if options.download is not None and not options.download.is_dir():
        raise InputError(f"{options.download}: no such folder, expected the downloaded data set")
    if options.beam and importlib.util.find_spec("apache_beam") is None:
        raise InputError("--beam: Apache Beam is not installed, expected the extra 'beam'")
    import tensorflow_datasets as tfds

    return tfds.download.DownloadConfig(manual_dir=options.download, beam_runner=options.beam)


if __name__ == "__main__":
    sys.exit(main())
