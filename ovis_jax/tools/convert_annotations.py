"""Command line that converts annotations between OVIS format and others.

    ovis-jax convert --from KIND --to KIND --input PATH --output PATH
        [--images DIR] [--categories A.json] [--annotations A.json] [--first-frame N]
        [--crowds-are-objects] [--boxes-from-masks] [--skip-shapes]
        [--min-score S] [--most-tracks N]

KIND is ovis, coco, davis, mots, mots-txt, labelme or cvat; the first two are files, the others
folders (as input, cvat may be a file or an archive, mots-txt a file). `--from results` reads a
results.json, with the annotation file of its videos, and of it only what is sure enough
(`--min-score`, `--most-tracks`); coco and coco-results keep the scores. What was left out or
guessed while reading is printed, and what the other format has no place for. Exit codes: 0 done,
2 bad input (a line on stderr for each problem).
"""

import argparse
import pathlib
import shutil
import sys
from collections.abc import Callable

from ovis_jax.converters import (
    coco_tracks,
    cvat_video,
    id_pngs,
    labelme,
    mots_text,
    ovis,
    tracking_results,
)
from ovis_jax.converters.sources import Sources
from ovis_jax.formats.annotation_options import FLAGS
from ovis_jax.formats.annotations import Annotations, load_header
from ovis_jax.formats.box_check import compare_boxes
from ovis_jax.formats.crowds import crowds_as_objects, many_crowds
from ovis_jax.formats.errors import InputError
from ovis_jax.formats.mask_boxes import with_mask_boxes
from ovis_jax.tools.results_options import convert as parser
from ovis_jax.tools.tool import run_tool

READERS: dict[str, Callable[[pathlib.Path, Sources], Annotations]] = {
    "ovis": ovis.read,
    "coco": coco_tracks.read,
    "davis": id_pngs.read_davis,
    "mots": id_pngs.read_mots,
    "mots-txt": mots_text.read,
    "labelme": labelme.read,
    "cvat": cvat_video.read,
    "results": tracking_results.read,
}
WRITERS: dict[str, Callable[[pathlib.Path, Annotations], list[str]]] = {
    "ovis": ovis.write,
    "coco": coco_tracks.write,
    "coco-results": coco_tracks.write_results,
    "davis": id_pngs.write_davis,
    "mots": id_pngs.write_mots,
    "mots-txt": mots_text.write,
    "labelme": labelme.write,
    "cvat": cvat_video.write,
}
_FILES = ("ovis", "coco", "coco-results")
_WITH_SCORES = ("coco", "coco-results")
_WITH_ANNOTATED_FRAMES = ("ovis", "labelme")


def main(arguments: list[str] | None = None) -> int:
    """Converts, prints what was written and lost, returns the exit code."""
    return run_tool(parser(), lambda options: print(*run(options), sep="\n"), arguments)


def run(options: argparse.Namespace) -> list[str]:
    """Does what the options say; what is to be printed.

    Raises:
      InputError: the input cannot be used, or the output folder is not empty.
    """
    output = options.output
    _check_output(output, options.target)
    _check_scores(options)
    categories = options.categories and load_header(options.categories).categories
    sources = Sources(
        images=options.images,
        categories=categories,
        crowds_are_objects=options.crowds_are_objects,
        annotations=options.annotations,
        first_frame=options.first_frame,
        skip_shapes=options.skip_shapes,
        min_score=options.min_score,
        most_tracks=options.most_tracks,
    )
    annotations = READERS[options.source](options.input, sources)
    if options.crowds_are_objects:
        annotations = crowds_as_objects(annotations)
    elif crowds := many_crowds(annotations, FLAGS.crowds, share=0):
        sources.note(crowds)
    if options.target != "ovis":
        annotations.check_file_names()
    if options.boxes_from_masks:
        annotations = with_mask_boxes(annotations)
    elif wrong := compare_boxes(annotations).lines():
        sources.note(f"{wrong[0]}; {FLAGS.boxes} draws all boxes around the masks instead")
    notes = [*sources.notes, *_write(output, options.target, annotations)]
    scored = any(instance.score is not None for instance in annotations.instances)
    if scored and options.target not in _WITH_SCORES:
        notes.append("scores are not kept")
    sparse = any(video.annotated_frames is not None for video in annotations.videos)
    if sparse and options.target not in _WITH_ANNOTATED_FRAMES:
        notes.append("which frames are annotated is not kept")
    videos, objects = len(annotations.videos), len(annotations.instances)
    return [f"{output}: {videos} videos, {objects} objects", *(f"note: {line}" for line in notes)]


def _check_output(output: pathlib.Path, kind: str) -> None:
    """Raises InputError if something is in the way of what is to be written."""
    if kind in _FILES and output.is_dir():
        raise InputError(f"{output}: is a folder, expected the name of a file for {kind}")
    if kind not in _FILES and output.exists() and not output.is_dir():
        raise InputError(f"{output}: is a file, expected a new or an empty folder for {kind}")
    if kind not in _FILES and output.exists() and any(output.iterdir()):
        raise InputError(f"{output}: expected a new or an empty folder")


def _check_scores(options: argparse.Namespace) -> None:
    """Raises InputError if a choice among results is made where there are none."""
    for name in ("min_score", "most_tracks"):
        if getattr(options, name) is not None and options.source != "results":
            raise InputError(f"--{name.replace('_', '-')}: is for --from results alone")


def _write(output: pathlib.Path, kind: str, annotations: Annotations) -> list[str]:
    """Writes a file, or a folder that comes into being complete or not at all."""
    if kind in _FILES:
        return WRITERS[kind](output, annotations)
    output = output.resolve()
    partial = output.with_name(f".{output.name}.partial")
    shutil.rmtree(partial, ignore_errors=True)
    try:
        partial.mkdir(parents=True)
        lost = WRITERS[kind](partial, annotations)
        partial.replace(output)
        return lost
    finally:
        shutil.rmtree(partial, ignore_errors=True)


if __name__ == "__main__":
    sys.exit(main())
