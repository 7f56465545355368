"""What makes an object hard to follow: how long, large, crowded and fast it is."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ovis_jax.evaluation.groups import average_area
from ovis_jax.formats.annotations import Annotations, Instance
from ovis_jax.statistics.box_occlusion import box_occlusion_rates

TRAITS = ("length", "size", "crowding", "speed")
"""Of an object, see `object_traits`."""


def object_traits(annotations: Annotations) -> dict[int | str, np.ndarray]:
    """The traits of every object by its id, [traits] float64 in the order of TRAITS.

    * length: frames with a mask;
    * size: average area in pixels over these, from the file's areas as the evaluator takes it;
    * crowding: mean over these of the frame's box occlusion rate, of all objects but crowds;
    * speed: mean way of the centre of its box from one frame to the next, over the square root of
      the mean area of its two boxes; NaN if it is never visible in two frames running.

    NaN is also what cannot be told without a mask or a box. Crowds are left out.
    """
    traits = {}
    for video in annotations.videos:
        objects = [own for own in annotations.instances_of(video.id) if not own.iscrowd]
        if objects:
            traits |= _traits_of_video(objects)
    return traits


def _traits_of_video(objects: Sequence[Instance]) -> dict[int | str, np.ndarray]:
    rates = box_occlusion_rates(np.array([own.boxes for own in objects]))
    found = {}
    for own in objects:
        visible = own.segmentations.areas() > 0
        found[own.id] = np.array(
            [
                visible.sum(),
                average_area(own.areas),
                _mean(rates[visible]),
                _mean(box_speeds(own.boxes)),
            ]
        )
    return found


def box_speeds(boxes: np.ndarray) -> np.ndarray:
    """[T - 1], ways of a box from frame to frame, in its own sizes.

    Args:
      boxes: [T, 4] as (x, y, width, height) in pixels, NaN where there is none.

    Returns:
      Way of the centre over the square root of the mean area of the two boxes; NaN without two
      boxes of some area.
    """
    centres = boxes[:, :2] + boxes[:, 2:] / 2
    way = np.hypot(*np.diff(centres, axis=0).T)
    areas = boxes[:, 2] * boxes[:, 3]
    mean = (areas[1:] + areas[:-1]) / 2
    return np.divide(way, np.sqrt(mean), out=np.full(len(way), np.nan), where=mean > 0)


def _mean(values: np.ndarray) -> float:
    """Mean of what is a number; NaN if nothing is."""
    values = values[~np.isnan(values)]
    return float(values.mean()) if values.size else np.nan
