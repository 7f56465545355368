"""Command line that splits a training set into two: to train on and to tune on.

    ovis-jax split --annotations A.json --output DIR
        [--share 0.15] [--min-videos 4] [--seed 0] [--crowds-are-objects]

Writes DIR/train.json and DIR/minival.json, ordinary annotation files for the same frames, and
prints how the categories are spread. Exit codes: 0 done, 2 bad input (one line on stderr).
"""

import argparse
import pathlib
import sys

import numpy as np
from tqdm import tqdm

from ovis_jax.data.split_files import PARTS, check_outputs, read_contents, write_split
from ovis_jax.data.splits import VideoContents, choose_minival
from ovis_jax.formats.annotation_options import FLAGS
from ovis_jax.formats.crowds import crowd_note
from ovis_jax.formats.errors import InputError
from ovis_jax.tools.annotation_flags import add_crowd_flag, warn
from ovis_jax.tools.tool import ToolParser, at_least, run_tool


def main(arguments: list[str] | None = None) -> int:
    """Splits, prints the balance, returns the exit code."""
    return run_tool(_parser(), run, arguments)


def run(options: argparse.Namespace) -> None:
    """Does what the options say.

    Raises:
      InputError: the file or the folder cannot be used.
    """
    source, folder = options.annotations, options.output
    if folder.exists() and not folder.is_dir():
        raise InputError(f"{folder}: expected a folder, is a file")
    outputs = {part: folder / f"{part}.json" for part in PARTS}
    check_outputs(source, outputs)
    bar = {"unit": "object", "disable": None, "leave": False}
    with tqdm(desc="read", **bar) as shown:
        contents = read_contents(source, shown.update)
    total = int(contents.num_instances.sum())
    note = crowd_note(str(source), contents.num_crowds, total, FLAGS.crowds)
    if note and not options.crowds_are_objects:
        warn(note)
    minival = choose_minival(
        contents, share=options.share, min_videos=options.min_videos, seed=options.seed
    )
    with tqdm(desc="write", total=total, **bar) as shown:
        ids = contents.video_ids[minival].tolist()
        crowds_are_objects = options.crowds_are_objects
        write_split(source, ids, outputs, shown.update, crowds_are_objects=crowds_are_objects)
    print(format_balance(contents, minival, options.min_videos))
    print("\nwrote " + " and ".join(str(outputs[part]) for part in PARTS))


def format_balance(contents: VideoContents, minival: np.ndarray, min_videos: int) -> str:
    """Videos and instances of each category in both parts, and what minival has too few of."""
    shows = contents.num_instances > 0
    names = [category.name for category in contents.categories]
    width = max(map(len, [*names, "all videos"])) + 2
    lines = [
        " " * width + "videos".rjust(24) + "instances".rjust(36),
        " " * width + "".join(f"{part:>12}" for part in (*PARTS, *PARTS)) + "in minival".rjust(12),
    ]
    rows = list(zip(names, shows.T, contents.num_instances.T, strict=True))
    everything = np.ones(len(minival), np.int64)
    rows.append(("all videos", everything, contents.num_instances.sum(1)))
    for name, videos, instances in rows:
        cells = [int(v[part].sum()) for v in (videos, instances) for part in (~minival, minival)]
        share = f"{100 * cells[3] / (cells[2] + cells[3]):.1f} %" if cells[2] + cells[3] else "-"
        lines.append(name.ljust(width) + "".join(f"{n:>12,}" for n in cells) + share.rjust(12))
    few = [n for n, own in zip(names, shows.T, strict=True) if 0 < own.sum() < 2 * min_videos]
    if few:
        lines.append(
            f"\nFewer than {2 * min_videos} videos, so that minival got at least half of them, "
            f"rounded down: {', '.join(few)}"
        )
    return "\n".join(lines)


def _parser() -> argparse.ArgumentParser:
    parser = ToolParser(
        prog="ovis-jax split",
        description="Splits annotated videos into train.json and minival.json, "
        "balanced over the categories.",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    parser.add_argument(
        "--annotations", type=pathlib.Path, required=True, help="file with ground truth"
    )
    parser.add_argument("--output", type=pathlib.Path, required=True, help="folder to write to")
    parser.add_argument("--share", type=_share, default=0.15, help="of the videos for minival")
    parser.add_argument(
        "--min-videos",
        type=at_least(0),
        default=4,
        help="videos in minival of every category that has at least twice as many",
    )
    parser.add_argument(
        "--seed", type=at_least(0), default=0, help="another one chooses other videos"
    )
    add_crowd_flag(parser)
    return parser


def _share(text: str) -> float:
    value = float(text)
    if not 0 < value < 1:
        raise argparse.ArgumentTypeError(f"{text}, expected a number between 0 and 1")
    return value


if __name__ == "__main__":
    sys.exit(main())
