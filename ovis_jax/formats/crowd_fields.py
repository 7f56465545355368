"""What files say in the field `iscrowd`."""

from __future__ import annotations

from ovis_jax.formats.errors import InputError
from ovis_jax.formats.fields import shown


def crowd_flag(value: object, where: str) -> bool:
    """The value of the field of one object: 0, 1, or a list with the same one for each frame.

    Args:
      value: None means 0, as if the field were absent.
      where: names file and entry.

    Raises:
      InputError: it is something else, or differs from frame to frame.
    """
    if value is None:
        return False
    if isinstance(value, list):
        return _same_everywhere(value, where)
    return _flag(value, where)


def check_same_crowd(first: object, value: object, where: str, option: str) -> bool:
    """The value of the field of an entry, which all entries of its track must share.

    Args:
      first: the value of the track's first entry.
      value: of this entry, which `where` names.
      where: file and entry.
      option: what makes objects of all crowds.

    Raises:
      InputError: they differ, or one makes no sense.
    """
    flag = crowd_flag(value, where)
    if flag != crowd_flag(first, where):
        raise InputError(
            f"{where}: iscrowd: {int(flag)}, in the first entry of the track {int(not flag)}; "
            f"some tools mark every mask as a crowd: {option} takes them as objects"
        )
    return flag


def _flag(value: object, where: str) -> bool:
    if value not in (0, 1):
        raise InputError(f"{where}: iscrowd: expected 0 or 1, is {shown(value)}")
    return bool(value)


def _same_everywhere(values: list, where: str) -> bool:
    """The value that all frames share which have one; frames without the object may have null."""
    flags = {frame: _flag(value, where) for frame, value in enumerate(values) if value is not None}
    first = min(flags, default=0)
    for frame, flag in flags.items():
        if flag != flags[first]:
            raise InputError(
                f"{where}: iscrowd: {int(flags[first])} in frame {first} and {int(flag)} in frame "
                f"{frame}, expected the same in all frames"
            )
    return flags.get(first, False)
