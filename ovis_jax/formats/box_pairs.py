"""The boxes of a file that can be compared with masks, as arrays."""

from __future__ import annotations

import dataclasses

import numpy as np

from ovis_jax.formats import rle
from ovis_jax.formats.annotation_records import Instance
from ovis_jax.formats.annotations import Annotations
from ovis_jax.formats.box_readings import TOLERANCE
from ovis_jax.formats.mask_boxes import outer_boxes
from ovis_jax.formats.segmentations import Entry


@dataclasses.dataclass(frozen=True, eq=False)
class BoxPairs:
    """Every (object, frame) of the objects that are no crowds; N of them, an object's in a row.

    Attributes:
      objects: their position in the file and themselves.
      owner: [N] int, positions in `objects`.
      frame: [N] int, ascending within an object.
      boxes: [N, 4] float64, of the file; not finite where there is none.
      areas: [N] float64, of the file.
      sizes: [N, 2] int, (height, width) of the frames.
      entries: N masks or None.
      present: [N] bool: there are a mask and a box.
    """

    objects: list[tuple[int, Instance]]
    owner: np.ndarray
    frame: np.ndarray
    boxes: np.ndarray
    areas: np.ndarray
    sizes: np.ndarray
    entries: list[Entry]
    present: np.ndarray

    def mask_boxes(self, chosen: np.ndarray) -> np.ndarray:
        """[C, 4] around the masks of `chosen` positions; sides of 0 where there is no pixel."""
        return outer_boxes([self.entries[place] for place in chosen], self.sizes[chosen])

    def shares_within(self, chosen: np.ndarray) -> np.ndarray:
        """[C] share of the pixels of each mask that lie within its box, a tolerance wider."""
        shares = np.zeros(len(chosen))
        for row, place in enumerate(chosen.tolist()):
            instance = self.objects[self.owner[place]][1]
            mask = instance.rle(int(self.frame[place]))
            inside = rle.area_within(mask, self.boxes[place], TOLERANCE)
            shares[row] = inside / max(int(rle.area([mask])[0]), 1)
        return shares

    def neighbour_boxes(self, step: int) -> np.ndarray:
        """[N, 4] boxes of the same objects `step` frames later; NaN beyond the ends."""
        place = np.arange(len(self.owner)) + step
        inside = (place >= 0) & (place < len(place))
        place = np.where(inside, place, 0)
        same = inside & (self.owner[place] == self.owner)
        return np.where(same[:, None], self.boxes[place], np.nan)

    def reversed_boxes(self) -> np.ndarray:
        """[N, 4] boxes of the same objects with their frames in reverse order."""
        return self.boxes[self._firsts() + self._lengths() - 1 - self.frame]

    def unpadded_order_boxes(self) -> np.ndarray:
        """[N, 4] boxes of the frames that come in each place if numbers are sorted as text."""
        order = {
            length: np.argsort(np.argsort([str(k) for k in range(length)], kind="stable"))
            for length in {len(instance.segmentations) for _, instance in self.objects}
        }
        orders = [order[len(instance.segmentations)] for _, instance in self.objects]
        return self.boxes[self._firsts() + np.concatenate([np.zeros(0, np.int64), *orders])]

    def _lengths(self) -> np.ndarray:
        """[N] number of frames of each one's object."""
        return np.bincount(self.owner, minlength=len(self.objects))[self.owner]

    def _firsts(self) -> np.ndarray:
        """[N] position of the first frame of each one's object."""
        return np.arange(len(self.owner)) - self.frame


def box_pairs(annotations: Annotations) -> BoxPairs:
    """All boxes and masks of the objects that are no crowds."""
    objects = [(k, i) for k, i in enumerate(annotations.instances) if not i.iscrowd]
    instances = [instance for _, instance in objects]
    lengths = np.array([len(i.segmentations) for i in instances], np.int64)
    owner = np.repeat(np.arange(len(instances)), lengths)
    starts = np.repeat(np.cumsum(lengths) - lengths, lengths)
    boxes = np.concatenate([np.zeros((0, 4)), *(i.boxes for i in instances)])
    entries = [entry for i in instances for entry in i.segmentations.entries]
    masked = np.fromiter((entry is not None for entry in entries), bool, len(entries))
    sizes = np.array([i.segmentations.size for i in instances], np.int64).reshape(-1, 2)
    return BoxPairs(
        objects=objects,
        owner=owner,
        frame=np.arange(len(owner)) - starts,
        boxes=boxes,
        areas=np.concatenate([np.zeros(0), *(i.areas for i in instances)]),
        sizes=sizes[owner],
        entries=entries,
        present=masked & np.isfinite(boxes).all(-1),
    )
