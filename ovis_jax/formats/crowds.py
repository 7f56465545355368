"""Which objects are crowds: what files say of it, and what to do if tools marked wrong ones.

Several tools write `iscrowd: 1` for every mask that they write as run lengths, since in COCO's own
files all run lengths are crowds. Crowds are neither trained on nor scored.
"""

from __future__ import annotations

import dataclasses

from ovis_jax.formats.annotations import Annotations

_MANY = 0.5  # more crowds than this share are unusual; COCO has 1.2 %


def crowds_as_objects(annotations: Annotations) -> Annotations:
    """The same annotations without crowds: each is an object like all others."""
    instances = tuple(
        dataclasses.replace(instance, iscrowd=False) if instance.iscrowd else instance
        for instance in annotations.instances
    )
    return dataclasses.replace(annotations, instances=instances)


def many_crowds(annotations: Annotations, option: str, share: float = _MANY) -> str | None:
    """A line that says how many objects are crowds; None if fewer are than the share, or none.

    Args:
      annotations: with or without ground truth.
      option: what makes objects of them.
      share: of all objects; more crowds than that are said.
    """
    crowds = sum(instance.iscrowd for instance in annotations.instances)
    return crowd_note(annotations.path, crowds, len(annotations.instances), option, share)


def crowd_note(path: str, crowds: int, total: int, option: str, share: float = _MANY) -> str | None:
    """As `many_crowds`, for `crowds` of `total` objects of the file at `path`."""
    if crowds <= share * total:
        return None
    marked = f"all {total}" if crowds == total > 1 else f"{crowds} of {total}"
    return (
        f"{path}: annotations: {marked} objects are crowds (iscrowd 1), which are neither trained "
        f"on nor scored; some tools mark every mask so: {option} takes them as objects"
    )
