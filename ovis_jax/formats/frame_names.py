"""The order of frames that are known by the names of their files alone."""

from __future__ import annotations

import pathlib
import re
from collections.abc import Iterable, Sequence

from ovis_jax.formats.errors import InputError

IMAGE_SUFFIXES = (".jpg", ".jpeg", ".png", ".bmp")  # of frames, in small letters

_NUMBER = re.compile(r"([0-9]+)")
# Two numbers with nothing but a point between them, which may be one decimal number; three, as in a
# date or a version, are not.
_DECIMAL = re.compile(r"(?<![0-9])(?<![0-9]\.)[0-9]+\.[0-9]+(?!\.?[0-9])")
_NUMBER_OR_DECIMAL = re.compile(f"{_DECIMAL.pattern}|[0-9]+")
_FOREIGN_FOLDERS = ("__macosx", "@eadir", "$recycle.bin", "system volume information")


def natural_order(names: Iterable[str], where: pathlib.Path | str) -> list[str]:
    """File names in the order of the numbers in them, padded with zeros or not.

    Names of one pattern (`frame_9.jpg`, `frame_10.jpg`) are compared number by number, and so are
    names that differ first in a number that stands alone (`9_left.jpg`, `10_right.jpg`). Other
    names, hexadecimal ones among them, are sorted as text, where that is also the order of their
    numbers or all are equally long. The suffix counts for nothing.

    Args:
      names: of files, in any order, without folders.
      where: the files are; for messages.

    Raises:
      InputError: the order is in doubt: two names are one frame (`1.jpg` and `01.jpg`, `1.png`),
        decimal numbers would be in another order than whole ones (`1.5` and `1.25`), or names of
        several patterns hold numbers that are not padded.
    """
    stems = {name: pathlib.PurePath(name).stem for name in names}
    names = sorted(stems, key=lambda name: (stems[name], name))
    ordered = sorted(names, key=lambda name: natural_key(stems[name]))
    if len({_pattern(stem) for stem in stems.values()}) == 1:
        _check_decimals(ordered, stems, where)
    elif ordered != names and not _differ_in_a_number(list(stems.values())):
        if len(set(map(len, stems.values()))) > 1:
            raise _doubt(where, *_first_difference(ordered, names), "are named by several patterns")
        ordered = names
    known: dict[tuple, str] = {}
    for name in ordered:
        same = known.setdefault(natural_key(stems[name]), name)
        if same != name:
            raise _doubt(where, same, name, "are the same frame by their names")
    return ordered


def files_in_order(folder: pathlib.Path, suffixes: Sequence[str]) -> list[pathlib.Path]:
    """The files of a folder that end in one of the suffixes, in `natural_order`.

    Hidden files are passed over: other systems leave such files beside frames (`._1.jpg`). Links
    to files that are gone are not.

    Args:
      folder: must exist.
      suffixes: in small letters; files may have them in capitals.

    Raises:
      InputError: the order is in doubt.
    """
    names = [
        path.name
        for path in folder.iterdir()
        if path.suffix.lower() in suffixes and not is_passed_over(path.name) and not path.is_dir()
    ]
    return [folder / name for name in natural_order(names, folder)]


def is_passed_over(name: str) -> bool:
    """Whether a file or folder is hidden, or a folder in which systems keep things of their own."""
    return name.startswith(".") or name.lower() in _FOREIGN_FOLDERS


def natural_key(text: str) -> tuple:
    """What to sort by, so that numbers in a text count as numbers; numbers come before letters."""
    parts = [part for part in _NUMBER.split(text) if part]
    numbers = [part.lstrip("0") if _NUMBER.fullmatch(part) else None for part in parts]
    return tuple(
        (1, 0, part) if number is None else (0, len(number), number)
        for part, number in zip(parts, numbers, strict=True)
    )


def distinct_in_order(stems: Sequence[str]) -> bool:
    """Whether files of these names, found in a folder, would be read in this order."""
    try:
        return natural_order([f"{stem}.png" for stem in stems], "") == [f"{s}.png" for s in stems]
    except InputError:
        return False


def _pattern(stem: str) -> tuple[str, ...]:
    """What stands around the numbers."""
    return tuple(_NUMBER.split(stem)[::2])


def _differ_in_a_number(stems: list[str]) -> bool:
    """Whether names are the same up to numbers, all different, that end with no letter or point."""
    columns = list(zip(*map(_NUMBER.split, stems), strict=False))  # text, number, text, number, …
    for place, column in enumerate(columns):
        if len(set(column)) == 1:
            continue
        numbers = {number.lstrip("0") for number in column}
        if place % 2 == 0 or len(numbers) < len(column):
            return False
        return not any(after == "." or after[:1].isalpha() for after in columns[place + 1])
    return False


def _check_decimals(ordered: list[str], stems: dict[str, str], where: pathlib.Path | str) -> None:
    """Raises InputError if numbers such as 1.25, read as decimal ones, have another order."""
    if not _DECIMAL.search(stems[ordered[0]]):
        return

    def decimal_key(name: str) -> list[float]:
        return [float(number) for number in _NUMBER_OR_DECIMAL.findall(stems[name])]

    decimal = sorted(ordered, key=decimal_key)
    if decimal != ordered:
        raise _doubt(where, *_first_difference(ordered, decimal), "may hold decimal numbers")


def _first_difference(one: list[str], other: list[str]) -> tuple[str, str]:
    return next((a, b) for a, b in zip(one, other, strict=True) if a != b)


def _doubt(where: pathlib.Path | str, first: str, second: str, why: str) -> InputError:
    return InputError(
        f"{where}: which frame comes first, {first} or {second}? These names {why}; expected "
        f"numbers of equally many digits, as in 00001.jpg"
    )
