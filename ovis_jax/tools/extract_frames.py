"""Command line that writes the frames of video files as images, to be labelled and trained on.

    ovis-jax extract-frames --input VIDEO [VIDEO ...] --output FRAMES
        [--every N] [--start FRAME] [--stop FRAME] [--name NAME] [--suffix .jpg]

FRAMES gets a folder for each video, named like its file, or NAME. Frames are upright, as prediction
sees them, and called `frame_000000.jpg` and so on by their numbers in the file, as CVAT calls them.
Exit codes: 0 done, 2 bad input (a line on stderr for each problem).
"""

import argparse
import itertools
import pathlib
import shutil
import sys
from collections.abc import Sequence

from ovis_jax.formats.errors import InputError
from ovis_jax.tools.tool import ToolParser, at_least, run_tool

_QUALITY = 95  # of JPEG files, in percent


def main(arguments: list[str] | None = None) -> int:
    """Writes, prints what was written, returns the exit code."""
    return run_tool(_parser(), run, arguments)


def run(options: argparse.Namespace) -> None:
    """Does what the options say.

    Raises:
      InputError: a video cannot be used, or a folder is there already.
    """
    names = _names(options.input, options.name)
    if options.stop is not None and options.stop <= options.start:
        raise InputError(f"--stop: {options.stop}, expected more than --start, {options.start}")
    for name in names:
        if (options.output / name).exists():
            raise InputError(f"{options.output / name}: is there already, expected a new folder")
    wanted = range(options.start, sys.maxsize if options.stop is None else options.stop)
    for path, name in zip(options.input, names, strict=True):
        count = write_frames(path, options.output / name, wanted[:: options.every], options.suffix)
        print(f"{options.output / name}: {count} frames")


def write_frames(path: pathlib.Path, folder: pathlib.Path, wanted: range, suffix: str) -> int:
    """Writes some frames of a video to a new folder, which comes into being complete or not at all.

    Args:
      path: of the video file.
      folder: that is made.
      wanted: numbers of the frames; those that the video does not have are passed over.
      suffix: of the image files, ".jpg" or ".png".

    Returns:
      How many were written.

    Raises:
      InputError: the file is no video or damaged, or has none of the frames.
    """
    import cv2

    from ovis_jax.data.image_sources import extracted_name
    from ovis_jax.data.movie_files import read_movie

    if not path.is_file():
        raise InputError(f"{path}: no such file, expected a video")
    partial = folder.with_name(f".{folder.name}.partial")
    shutil.rmtree(partial, ignore_errors=True)
    try:
        partial.mkdir(parents=True)
        count, frames = 0, itertools.islice(read_movie(path), wanted.stop)
        for number, image in enumerate(frames):
            if number in wanted:
                file = partial / extracted_name(number, suffix)
                quality = [cv2.IMWRITE_JPEG_QUALITY, _QUALITY] if suffix == ".jpg" else []
                if not cv2.imwrite(str(file), image[..., ::-1], quality):
                    raise InputError(f"{file}: cannot be written")
                count += 1
        if not count:
            raise InputError(f"{path}: none of the frames that --start and --stop ask for")
        partial.replace(folder)
        return count
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def _names(paths: Sequence[pathlib.Path], name: str | None) -> list[str]:
    """The folder of each video."""
    if name is not None and len(paths) > 1:
        raise InputError(f"--name: is for one video, there are {len(paths)}")
    names = [name or path.stem for path in paths]
    for one in names:
        if names.count(one) > 1:
            raise InputError(f"--input: two videos are named {one!r}; give one at a time, --name")
        if pathlib.PurePath(one).name != one:
            raise InputError(f"--name: {one!r}, expected the name of a folder")
    return names


def _parser() -> argparse.ArgumentParser:
    parser = ToolParser(
        prog="ovis-jax extract-frames", description="Writes the frames of video files."
    )
    path = dict(type=pathlib.Path, required=True)
    parser.add_argument("--input", nargs="+", metavar="VIDEO", help="video files", **path)
    parser.add_argument("--output", metavar="DIR", help="gets a folder for each video", **path)
    parser.add_argument(
        "--every",
        type=at_least(1),
        default=1,
        metavar="N",
        help="of the frames one in N (default 1)",
    )
    parser.add_argument(
        "--start", type=at_least(0), default=0, metavar="FRAME", help="first frame (default 0)"
    )
    parser.add_argument("--stop", type=at_least(1), metavar="FRAME", help="frame to end before")
    parser.add_argument("--name", help="of the folder, if it shall not be that of the file")
    parser.add_argument("--suffix", choices=(".jpg", ".png"), default=".jpg", help="of the images")
    return parser


if __name__ == "__main__":
    sys.exit(main())
