"""Command line that draws ground truth or results over the frames of videos, to be looked at.

    ovis-jax browse --annotations A.json --images DIR --output DIR
        [--results R.json [OTHERS.json]] [--videos 1 5] [--min-score 0.3] [--crowds-are-objects]
    ovis-jax browse --results R.json --images VIDEO --output DIR

Writes a movie and a contact sheet of each video, and index.html, a page that needs no other file:
ground truth beside the results of each system, timelines, errors. Results of one video can be
looked at without an annotation file. Exit codes: 0 done, 2 bad input (a line on stderr for each
problem).
"""

import argparse
import pathlib
import sys

import tqdm

from ovis_jax.formats.annotation_options import warn_of_boxes, with_chosen_crowds
from ovis_jax.formats.annotations import Annotations, Video, load_annotations
from ovis_jax.formats.errors import InputError
from ovis_jax.formats.results import TrackResult, load_results
from ovis_jax.tools.annotation_flags import annotation_options, warn
from ovis_jax.tools.choices import DRAWN_VIDEOS
from ovis_jax.tools.output_paths import check_output
from ovis_jax.tools.results_options import browse as parser
from ovis_jax.tools.tool import file_labels, run_tool
from ovis_jax.visualization.browsing import Browsed, frames_in, write_browser
from ovis_jax.visualization.overlays import chosen_videos
from ovis_jax.visualization.single_video import single_video
from ovis_jax.visualization.viewer.page import Systems


def main(arguments: list[str] | None = None) -> int:
    """Draws, prints the page, returns the exit code."""
    return run_tool(parser(), lambda options: print(run(options)), arguments)


def run(options: argparse.Namespace) -> pathlib.Path:
    """Does what the options say; the page.

    Raises:
      InputError: a file cannot be used, or there is nothing to draw.
    """
    check_output(options.output)
    results = options.results or []
    if options.annotations is None:
        if not results:
            raise InputError("expected --annotations, --results or both")
        annotations, read = single_video(results[0], options.images)
    else:
        annotations = load_annotations(options.annotations)
        annotations = with_chosen_crowds(annotations, annotation_options(options), warn)
        warn_of_boxes(annotations, warn)
        annotations.check_frames(options.images)
        read = frames_in(options.images)
    videos = named_videos(annotations, options.videos, options.annotations or results[0])
    if not results:
        annotations.check_ground_truth("to show; expected --results")
    names = file_labels([*map(str, results)]) if len(results) > 1 else ["results"]
    records = {
        name: read_records(path, annotations, videos)
        for name, path in zip(names, results, strict=False)
    }
    browsed = Browsed(Systems(annotations, records, options.min_score), videos, read)
    with tqdm.tqdm(total=len(videos), unit="video", disable=None, leave=False) as bar:
        return write_browser(browsed, options.output, bar.update)[-1]


def read_records(path: pathlib.Path, annotations: Annotations, videos: list[Video]) -> list[dict]:
    """The entries of a results file that are of these videos."""
    chosen = {video.id for video in videos}
    results = load_results(path, annotations, progress=True)
    return [as_record(result) for result in results if result.video_id in chosen]


def named_videos(
    annotations: Annotations, ids: list[int] | None, where: pathlib.Path
) -> list[Video]:
    """The videos with these ids, of the file `where`; without ids a few, spread evenly over it.

    Raises:
      InputError: there is no video of an id.
    """
    if not ids:
        return chosen_videos(annotations.videos, DRAWN_VIDEOS)
    videos = {video.id: video for video in annotations.videos}
    for number in ids:
        if number not in videos:
            raise InputError(f"--videos: {number} is not in {where}")
    return [videos[number] for number in ids]


def as_record(result: TrackResult) -> dict:
    """The entry of results.json."""
    segmentations = [result.segmentations[frame] for frame in range(len(result.segmentations))]
    return {
        "video_id": result.video_id,
        "category_id": result.category_id,
        "score": result.score,
        "segmentations": segmentations,
    }


if __name__ == "__main__":
    sys.exit(main())
