"""Finds boxes that contradict the masks of their objects, and what may have gone wrong.

A box may be off by some pixels, and larger than its mask, since some data sets box what is hidden,
too. It contradicts its mask if most of the mask lies outside, or if it is far off and would fit,
had its four numbers been written in another order or relative to the frame. Where most boxes of a
file would fit if they belonged to other frames, or were of another size, they contradict as well.
"""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Callable, Iterator

import numpy as np

from ovis_jax.formats.annotations import Annotations
from ovis_jax.formats.box_pairs import BoxPairs, box_pairs
from ovis_jax.formats.box_readings import (
    READINGS,
    TOLERANCE,
    common_scale,
    covered,
    fits,
    overlaps,
)
from ovis_jax.formats.errors import InputError

MAX_COMPARED = 12_000  # masks of a large file whose runs are read; others if their boxes look odd
_SYSTEMATIC = 0.1  # share of wrong boxes from which on they are no exceptions
_FEW = 3  # wrong boxes; fewer are exceptions, unless there are no other ones
_EXPLAINED = 0.9  # share of the boxes that do not fit, to be explained by a mix-up of all of them
_KNOWN = 0.5  # share of these whose box would be known: there is none before the first frame
_MISSED = 0.5  # share of a mask outside its box that makes it wrong
_LOOSE = 0.8  # intersection over union from which on a single box is never wrong
_SHOWN = 5


@dataclasses.dataclass(frozen=True)
class WrongBox:
    """A box that contradicts its mask.

    Attributes:
      place: in the file, as messages name it.
      box: (x, y, width, height) of the file.
      mask_box: that around the mask.
      cause: what may have gone wrong, or None.
    """

    place: str
    box: tuple[float, ...]
    mask_box: tuple[float, ...]
    cause: str | None


@dataclasses.dataclass(frozen=True)
class BoxReport:
    """What the comparison of boxes and masks gave.

    Attributes:
      path: of the file.
      num_compared: boxes.
      num_wrong: those that contradict their masks.
      cause: of most of them, or None.
      first: the first few.
    """

    path: str
    num_compared: int
    num_wrong: int
    cause: str | None
    first: tuple[WrongBox, ...]

    @property
    def systematic(self) -> bool:
        """Whether the wrong boxes are no mere exceptions."""
        many = self.num_wrong >= max(_FEW, _SYSTEMATIC * self.num_compared)
        return many or 0 < self.num_compared == self.num_wrong

    def lines(self) -> list[str]:
        """What there is to say; empty if all is well."""
        if not self.num_wrong:
            return []
        cause = f"; likely cause: {self.cause}" if self.cause else ""
        lines = [
            f"{self.path}: annotations: {self.num_wrong} of {self.num_compared} boxes that were "
            f"compared contradict the masks of their objects{cause}"
        ]
        for wrong in self.first:
            own = f" ({wrong.cause})" if wrong.cause and wrong.cause != self.cause else ""
            lines.append(
                f"{self.path}: {wrong.place}: box {_shown(wrong.box)}, the mask fills "
                f"{_shown(wrong.mask_box)} (x, y, width, height){own}"
            )
        more = self.num_wrong - len(self.first)
        return [*lines, f"(and {more} more)"] if more else lines


def check_boxes(annotations: Annotations, option: str, warn: Callable[[str], object]) -> None:
    """Warns of boxes that contradict masks.

    Args:
      annotations: with or without ground truth.
      option: what draws the boxes around the masks instead.
      warn: takes lines about exceptions.

    Raises:
      InputError: they are no exceptions; names some, and the likely cause.
    """
    report = compare_boxes(annotations)
    lines = report.lines()
    if lines:
        lines.append(f"{option} draws all boxes around the masks instead")
    if report.systematic:
        raise InputError("\n".join(lines))
    for line in lines:
        warn(line)


def compare_boxes(annotations: Annotations) -> BoxReport:
    """Compares the boxes of objects that are no crowds with their masks.

    Of more than MAX_COMPARED masks so many are compared, spread evenly, and those of boxes that are
    smaller than their area, outside the frame, or apart from the boxes before and after.
    """
    with np.errstate(over="ignore", invalid="ignore"):  # of numbers that no box should have
        return _compare(annotations, box_pairs(annotations))


def _compare(annotations: Annotations, pairs: BoxPairs) -> BoxReport:
    compared = _spread(np.flatnonzero(pairs.present))
    wrong, causes = _wrong(pairs, compared)
    if len(compared) < np.count_nonzero(pairs.present):
        odd = [_spread(np.flatnonzero(own)) for own in _odd(pairs)]
        odd = np.setdiff1d(np.concatenate(odd), compared)
        more, more_causes = _wrong(pairs, odd)
        compared = np.concatenate([compared, odd])
        wrong, causes = np.concatenate([wrong, more]), causes | more_causes
    wrong = np.sort(wrong)
    first = tuple(_describe(annotations, pairs, wrong[:_SHOWN], causes))
    return BoxReport(annotations.path, len(compared), len(wrong), _common(wrong, causes), first)


def _spread(places: np.ndarray) -> np.ndarray:
    """At most MAX_COMPARED of the places, evenly spread."""
    return places[:: max(1, -(-len(places) // MAX_COMPARED))]


def _odd(pairs: BoxPairs) -> tuple[np.ndarray, np.ndarray]:
    """Boxes that look wrong without a look at the mask: impossible, or merely odd; [N] bool."""
    boxes, frames = pairs.boxes, pairs.sizes[:, ::-1]
    small = pairs.areas > np.clip(boxes[:, 2:] + 2 * TOLERANCE, 0, None).prod(-1)
    outside = (boxes[:, :2] >= frames).any(-1) | (boxes[:, :2] + boxes[:, 2:] <= 0).any(-1)
    alone = np.ones(len(boxes), bool)
    for step in (-1, 1):
        others = pairs.neighbour_boxes(step)
        alone &= ~(covered(others, boxes) > 0)  # also without a neighbour
    return pairs.present & (small | outside), pairs.present & alone


def _wrong(pairs: BoxPairs, chosen: np.ndarray) -> tuple[np.ndarray, dict[int, str]]:
    """Which of the chosen pairs contradict, and causes of some of them."""
    around = pairs.mask_boxes(chosen)
    filled = around[:, 2:].all(-1)
    chosen, around = chosen[filled], around[filled]
    misfit = np.flatnonzero(~fits(pairs.boxes[chosen], around))
    num_compared, chosen, around = len(chosen), chosen[misfit], around[misfit]
    far = overlaps(pairs.boxes[chosen], around) < _LOOSE
    wrong, causes = np.zeros(len(chosen), bool), {}
    for cause, other in _read_otherwise(pairs, chosen):
        explained = far & fits(other, around)
        wrong |= explained
        causes = dict.fromkeys(chosen[explained].tolist(), cause) | causes
    if len(chosen) >= max(_FEW, _SYSTEMATIC * num_compared):
        for cause, other in _mixed_up(pairs, chosen, around):
            explained, known = fits(other, around), np.isfinite(other).all(-1)
            enough = known.sum() >= max(_FEW, _KNOWN * len(known))
            if enough and explained[known].mean() >= _EXPLAINED:
                wrong |= explained
                causes = dict.fromkeys(chosen[explained].tolist(), cause) | causes
    missed = np.flatnonzero(~wrong & (covered(pairs.boxes[chosen], around) < 1 - _MISSED))
    wrong[missed] = pairs.shares_within(chosen[missed]) < 1 - _MISSED
    return chosen[wrong], causes


def _read_otherwise(pairs: BoxPairs, chosen: np.ndarray) -> Iterator[tuple[str, np.ndarray]]:
    """The boxes in each way of reading their numbers."""
    for cause, read in READINGS.items():
        yield cause, read(pairs.boxes[chosen], pairs.sizes[chosen, ::-1])


def _mixed_up(
    pairs: BoxPairs, chosen: np.ndarray, around: np.ndarray
) -> Iterator[tuple[str, np.ndarray]]:
    """The boxes as they would be without a mix-up of the whole file."""
    factors = common_scale(pairs.boxes[chosen], around)
    if factors is not None:
        times = " and ".join(f"{factor:.3g}" for factor in dict.fromkeys(factors.round(3).tolist()))
        yield f"of frames {times} times the size", pairs.boxes[chosen] / np.tile(factors, 2)
    yield "each of the frame before", pairs.neighbour_boxes(1)[chosen]
    yield "each of the frame after", pairs.neighbour_boxes(-1)[chosen]
    yield "of the frames in reverse order", pairs.reversed_boxes()[chosen]
    yield "of the frames sorted as 1, 10, 11, …, 2", pairs.unpadded_order_boxes()[chosen]


def _describe(
    annotations: Annotations, pairs: BoxPairs, wrong: np.ndarray, causes: dict[int, str]
) -> Iterator[WrongBox]:
    names = {video.id: video.file_names for video in annotations.videos}
    around = pairs.mask_boxes(wrong)
    for place, mask_box in zip(wrong.tolist(), around, strict=True):
        number, instance = pairs.objects[pairs.owner[place]]
        frame = int(pairs.frame[place])
        name = f" ({names[instance.video_id][frame]})" if names[instance.video_id] else ""
        yield WrongBox(
            place=f"annotations[{number}] (id {instance.id!r}): bboxes, frame {frame}{name}",
            box=tuple(pairs.boxes[place].tolist()),
            mask_box=tuple(mask_box.tolist()),
            cause=causes.get(place) or _belongs_to(pairs, place, mask_box),
        )


def _belongs_to(pairs: BoxPairs, place: int, mask_box: np.ndarray) -> str | None:
    """Whose box would fit the mask: that of another frame, or of another object in the frame."""
    owner, frame = pairs.owner[place], pairs.frame[place]
    video = pairs.objects[owner][1].video_id
    fitting = np.flatnonzero(fits(pairs.boxes, np.broadcast_to(mask_box, pairs.boxes.shape)))
    for other in fitting[pairs.owner[fitting] == owner].tolist():
        return f"the box of frame {pairs.frame[other]} would fit"
    for other in fitting[pairs.frame[fitting] == frame].tolist():
        instance = pairs.objects[pairs.owner[other]][1]
        if instance.video_id == video:
            return f"the box of the object {instance.id!r} would fit"
    return None


def _common(wrong: np.ndarray, causes: dict[int, str]) -> str | None:
    """The cause of at least half of the wrong boxes."""
    counted = Counter(causes[place] for place in wrong.tolist() if place in causes)
    cause, count = counted.most_common(1)[0] if counted else (None, 0)
    return cause if 2 * count >= len(wrong) else None


def _shown(box: tuple[float, ...]) -> str:
    return "[" + ", ".join(f"{value:g}" for value in box) + "]"
