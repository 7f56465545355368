"""Options of command lines that say how annotation files are to be understood."""

import argparse
import sys

from ovis_jax.formats.annotation_options import FLAGS, AnnotationOptions


def add_crowd_flag(parser: argparse.ArgumentParser) -> None:
    """Adds --crowds-are-objects."""
    parser.add_argument(
        FLAGS.crowds,
        action="store_true",
        help="take objects marked as crowds (iscrowd 1) as objects like all others",
    )


def add_box_flag(parser: argparse.ArgumentParser) -> None:
    """Adds --boxes-from-masks."""
    parser.add_argument(
        FLAGS.boxes,
        action="store_true",
        help="draw boxes around the masks instead of using those of the file",
    )


def annotation_options(options: argparse.Namespace) -> AnnotationOptions:
    """What the flags say; those that a command line lacks are off."""
    masks = getattr(options, "boxes_from_masks", False)
    return AnnotationOptions(options.crowds_are_objects, "masks" if masks else "file")


def warn(line: str) -> None:
    """Prints a warning."""
    print(f"warning: {line}", file=sys.stderr)
