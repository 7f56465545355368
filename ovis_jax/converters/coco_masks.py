"""Whether the entries of a COCO-style file have masks, or boxes alone."""

from __future__ import annotations

from collections.abc import Sequence

from ovis_jax.converters.sources import Sources
from ovis_jax.formats.errors import InputError

_MANY = 20  # masks; fewer may well be rectangles


def check_masks(masks: Sequence[tuple[str, object]], sources: Sources) -> None:
    """Notes entries without a mask, and a file whose masks look like boxes.

    Args:
      masks: of each entry where it stands, for messages, and its `segmentation`, not yet checked.
      sources: is told; knows whether entries without a mask may be all there are.

    Raises:
      InputError: no entry has a mask, as where objects are boxes.
    """
    without = [where for where, mask in masks if not mask]
    if without and len(without) == len(masks) and not sources.skip_shapes:
        raise InputError(
            f"{without[0]}: segmentation: empty, as in all {len(masks)} annotations; boxes do not "
            "say which pixels are an object's: draw masks, or pass them over with --skip-shapes"
        )
    if without:
        sources.note(
            f"{without[0]}: the first of {len(without)} annotations (of {len(masks)}) without a "
            "mask; their objects are taken as not visible there"
        )
    there = [mask for _, mask in masks if mask]
    if len(there) >= _MANY and all(map(_is_rectangle, there)):
        sources.note(
            f"{masks[0][0]}: segmentation: a rectangle, as in all {len(there)} annotations with "
            "one; some tools write boxes so"
        )


def _is_rectangle(mask: object) -> bool:
    """Whether it is one polygon with the corners of an upright rectangle."""
    if not isinstance(mask, list) or len(mask) != 1:
        return False
    (values,) = mask
    if not isinstance(values, list) or len(values) not in (8, 10):
        return False
    if not all(type(value) in (int, float) for value in values):
        return False
    corners = set(zip(values[::2], values[1::2], strict=True))
    xs, ys = set(values[::2]), set(values[1::2])
    return len(xs) == len(ys) == 2 and corners == {(x, y) for x in xs for y in ys}
