"""The lines of MOTS text files, and where such files lie."""

from __future__ import annotations

import dataclasses
import pathlib
import re

from ovis_jax.converters.sources import Sources
from ovis_jax.formats import rle
from ovis_jax.formats.annotation_fields import MAX_SIZE
from ovis_jax.formats.errors import InputError
from ovis_jax.formats.frame_names import natural_key

_FIELDS = ("frame", "object_id", "class_id", "height", "width")
_WHOLE = re.compile(r"[0-9]{1,12}")
_CHALLENGE = "MOTS20-"  # how names of MOTSChallenge's videos begin


@dataclasses.dataclass(frozen=True)
class MotsMask:
    """A line.

    Attributes:
      where: file and line, for messages.
      frame: as in the file.
      object_id: of the object.
      class_id: of its category.
      rle: compressed mask.
    """

    where: str
    frame: int
    object_id: int
    class_id: int
    rle: dict


@dataclasses.dataclass(frozen=True)
class MotsFile:
    """A file.

    Attributes:
      path: of the file.
      name: of its video.
      masks: its lines in order.
    """

    path: pathlib.Path
    name: str
    masks: list[MotsMask]

    @property
    def folder(self) -> pathlib.Path | None:
        """The folder of the video in the layout of MOTSChallenge, NAME/gt/gt.txt, or None."""
        in_layout = self.path.name == "gt.txt" and self.path.parent.name == "gt"
        return self.path.absolute().parents[1] if in_layout else None


def text_files(path: pathlib.Path) -> list[tuple[str, pathlib.Path]]:
    """Name and file of every video: a file, a folder of them, or folders with gt/gt.txt.

    Raises:
      InputError: there is none.
    """
    if path.is_file():
        found = [path]
    elif path.is_dir():
        nested = [*path.glob("gt/gt.txt"), *path.glob("*/gt/gt.txt")]
        plain = [file for file in path.iterdir() if file.suffix.lower() == ".txt"]
        found = [f for f in [*nested, *plain] if f.is_file() and not f.name.startswith(".")]
    else:
        raise InputError(f"{path}: no such file or folder")
    if not found:
        raise InputError(f"{path}: no .txt file, here or as gt/gt.txt in a folder for each video")
    named = [(_name(file), file) for file in found]
    return sorted(named, key=lambda video: (natural_key(video[0]), video))


def read_file(path: pathlib.Path, name: str) -> MotsFile:
    """Reads and checks all lines.

    Raises:
      InputError: a line makes no sense, or has another size than the first; names file and line.
    """
    masks: list[MotsMask] = []
    try:
        with open(path, encoding="utf-8-sig") as lines:
            for number, line in enumerate(lines, start=1):
                if line.strip():
                    masks.append(_mask(line.split(), f"{path}:{number}"))
                    _check_size(masks[-1], masks[0])
    except UnicodeDecodeError:
        raise InputError(f"{path}: not a text file") from None
    return MotsFile(path, name, masks)


def first_frame(files: list[MotsFile], sources: Sources, path: pathlib.Path) -> int:
    """Whether frames count from 0 or 1, in all files.

    Raises:
      InputError: it is in doubt, or not as the user says.
    """
    zero = any(mask.frame == 0 for file in files for mask in file.masks)
    if zero and sources.first_frame == 1:
        raise InputError(f"{path}: there is a frame 0, but --first-frame is 1")
    if sources.first_frame is not None:
        return sources.first_frame
    if zero:
        return 0
    if all(file.folder is not None or file.name.startswith(_CHALLENGE) for file in files):
        return 1
    if sources.images is not None:
        return _first_image(files, sources, path)
    raise InputError(
        f"{path}: no file has a frame 0: do frames count from 0 (KITTI MOTS) or from 1 "
        "(MOTSChallenge)? say --first-frame 0 or 1, or give the --images"
    )


def _first_image(files: list[MotsFile], sources: Sources, path: pathlib.Path) -> int:
    """The number in the name of the first image, which all videos share."""
    numbers = set()
    for file in files:
        digits = re.findall("[0-9]+", pathlib.PurePath(sources.image_names(file.name)[0]).stem)
        numbers.add(int(digits[-1]) if digits else None)
    if len(numbers) != 1 or not numbers <= {0, 1}:
        raise InputError(f"{path}: names of images do not tell the first frame; say --first-frame")
    return numbers.pop()


def _name(file: pathlib.Path) -> str:
    nested = MotsFile(file, "", []).folder
    return file.stem if nested is None else nested.name


def _mask(fields: list[str], where: str) -> MotsMask:
    if len(fields) != len(_FIELDS) + 1:
        raise InputError(
            f"{where}: {len(fields)} fields, expected frame, object_id, class_id, height, width "
            "and rle"
        )
    for field, text in zip(_FIELDS, fields, strict=False):
        if not _WHOLE.fullmatch(text):
            raise InputError(f"{where}: {field}: expected a whole number, is {text[:40]!r}")
    frame, object_id, class_id, height, width = map(int, fields[:-1])
    for field, value in (("height", height), ("width", width), ("frame", frame + 1)):
        if not 1 <= value <= MAX_SIZE:
            raise InputError(f"{where}: {field}: is not from 1 to {MAX_SIZE}")
    mask = {"size": [height, width], "counts": fields[-1]}
    if problem := rle.check_rle(mask, height, width):
        raise InputError(f"{where}: rle: {problem}")
    return MotsMask(where, frame, object_id, class_id, mask)


def _check_size(mask: MotsMask, first: MotsMask) -> None:
    if mask.rle["size"] != first.rle["size"]:
        (height, width), (wanted_height, wanted_width) = mask.rle["size"], first.rle["size"]
        raise InputError(
            f"{mask.where}: {width}x{height} pixels, the first line has "
            f"{wanted_width}x{wanted_height}"
        )
