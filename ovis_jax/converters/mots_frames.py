"""The frames of a video whose MOTS text file names only those that show an object."""

from __future__ import annotations

import configparser

from ovis_jax.converters.mots_files import MotsFile
from ovis_jax.converters.sources import Sources
from ovis_jax.formats.annotation_fields import MAX_SIZE
from ovis_jax.formats.errors import InputError
from ovis_jax.formats.image_size import image_size

_IMAGE_FOLDER = "img1"  # of MOTSChallenge


def frames_of(
    file: MotsFile, first: int, last: int, sources: Sources
) -> tuple[list[str], tuple[int, int]]:
    """Names of all frames, and their (width, height).

    Images tell the number of frames, or the file seqinfo.ini of MOTSChallenge; otherwise the last
    line does.

    Args:
      file: of the video.
      first: number of the first frame, 0 or 1.
      last: number of the last frame with a line.
      sources: may have images.

    Raises:
      InputError: there are fewer frames than the lines say, or nothing tells their size.
    """
    known, size = _sequence_info(file)
    if sources.images is not None:
        inner = f"{file.name}/{_IMAGE_FOLDER}"
        names = sources.image_names(inner if (sources.images / inner).is_dir() else file.name)
        if not names:
            raise InputError(f"{sources.images / file.name}: no images")
        size = size or image_size(sources.images / names[0])
    else:
        length = max(known, last + 1 - first)
        names = [f"{file.name}/{first + frame:06d}.jpg" for frame in range(length)]
    if file.masks:
        height, width = file.masks[0].rle["size"]
        size = (width, height)
    if last - first >= len(names) or (known and last - first >= known):
        frames = known or len(names)
        raise InputError(f"{file.path}: frame {last}, but the video has {frames} frames")
    if size is None or not names:
        raise InputError(f"{file.path}: no line; give the --images to know frames and their size")
    return names, size


def _sequence_info(file: MotsFile) -> tuple[int, tuple[int, int] | None]:
    """Number of frames and (width, height) from seqinfo.ini; 0 and None without it."""
    path = None if file.folder is None else file.folder / "seqinfo.ini"
    if path is None or not path.is_file():
        return 0, None
    parser = configparser.ConfigParser(interpolation=None)
    try:
        parser.read(path, encoding="utf-8")
        length, width, height = (
            parser.getint("Sequence", field) for field in ("seqLength", "imWidth", "imHeight")
        )
    except (configparser.Error, ValueError) as error:
        raise InputError(f"{path}: {' '.join(str(error).split())}") from None
    if not all(1 <= value <= MAX_SIZE for value in (length, width, height)):
        raise InputError(f"{path}: seqLength, imWidth, imHeight: expected 1 to {MAX_SIZE}")
    return length, (width, height)
