"""Options of the tools that read results and annotations, known without importing what they do."""

import pathlib

from ovis_jax.tools.annotation_flags import add_box_flag, add_crowd_flag
from ovis_jax.tools.choices import DRAWN_VIDEOS, READERS, WRITERS
from ovis_jax.tools.scoring_flags import add_samples, add_scored_files, add_unknown_flags
from ovis_jax.tools.tool import ToolParser, at_least


def analyze() -> ToolParser:
    """Of `ovis_jax.tools.analyze_results`."""
    parser = ToolParser(
        prog="ovis-jax analyze", description="Explains the score of results of any model."
    )
    add_scored_files(parser)
    parser.add_argument("--output", required=True, type=pathlib.Path, help="folder for the report")
    parser.add_argument("--names", nargs="+", help="what the results are called in the report")
    parser.add_argument(
        "--images",
        type=pathlib.Path,
        help="folder of the frames; draws the videos that tables name, and links them",
    )
    add_samples(parser)
    add_unknown_flags(parser)
    add_crowd_flag(parser)
    return parser


def browse() -> ToolParser:
    """Of `ovis_jax.tools.browse`."""
    parser = ToolParser(prog="ovis-jax browse", description="Draws videos with their objects.")
    path = dict(type=pathlib.Path, metavar="PATH")
    parser.add_argument(
        "--annotations", **path, help="ground truth, OVIS format, or videos and categories alone"
    )
    parser.add_argument(
        "--images",
        required=True,
        **path,
        help="folder of the frames; without --annotations the video, or the folder of its frames",
    )
    parser.add_argument(
        "--results", nargs="+", **path, help="results.json of one or more systems, side by side"
    )
    parser.add_argument("--output", required=True, **path, help="folder to write to")
    parser.add_argument(
        "--videos", type=int, nargs="+", metavar="ID", help=f"default: {DRAWN_VIDEOS} of all"
    )
    parser.add_argument("--min-score", type=float, default=0.3, help="of results that are drawn")
    add_crowd_flag(parser)
    return parser


def convert() -> ToolParser:
    """Of `ovis_jax.tools.convert_annotations`."""
    parser = ToolParser(prog="ovis-jax convert", description="Converts annotations of videos.")
    path = dict(type=pathlib.Path, metavar="PATH")
    parser.add_argument("--from", required=True, choices=READERS, dest="source", help="format")
    parser.add_argument("--to", required=True, choices=WRITERS, dest="target", help="format")
    parser.add_argument("--input", required=True, **path, help="file or folder to read")
    parser.add_argument("--output", required=True, **path, help="file or folder to write")
    parser.add_argument("--images", **path, help="frames, where the input does not name them")
    parser.add_argument(
        "--categories", **path, help="annotation file whose ids and names of categories are used"
    )
    parser.add_argument(
        "--annotations", **path, help="annotation file whose videos results are of (results)"
    )
    parser.add_argument(
        "--first-frame",
        type=int,
        choices=(0, 1),
        help="number of the first frame (mots-txt): 0 in KITTI MOTS, 1 in MOTSChallenge",
    )
    parser.add_argument(
        "--skip-shapes", action="store_true", help="pass over shapes that are no masks (cvat, coco)"
    )
    parser.add_argument("--min-score", type=float, help="least score of tracks (results)")
    parser.add_argument(
        "--most-tracks",
        type=at_least(1),
        metavar="N",
        help="surest tracks of each video (results)",
    )
    add_crowd_flag(parser)
    add_box_flag(parser)
    return parser
