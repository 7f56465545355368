"""How many annotated objects, and how many tracks, are taken for another class."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np

from experiments.harness.annotated_objects import LEVEL_NAMES
from experiments.harness.differences import DRAWS
from experiments.harness.over_seeds import DRAWN, seed_draws
from ovis_jax.analysis.bootstrap import ratio_comparison
from ovis_jax.analysis.sections import Table
from ovis_jax.evaluation.comparison import video_draws

TRACKS = "tracks"
GROUPS = (*LEVEL_NAMES, "all", TRACKS)
NOTE = (
    "The row of tracks: share of the annotated objects, over all of their frames, whose most "
    "frequent class is another one, as trackers of this family decide and video AP counts"
)


@dataclasses.dataclass(frozen=True)
class ObjectsInFrames:
    """Annotated objects in frames, O of them.

    Attributes:
      videos: [O] index of the video; likewise `tracks`, unique in the data set, and `frames`.
      tracks: see `videos`.
      frames: see `videos`.
      levels: [O] index into OCCLUSION_LEVELS.
      classes: [O] index of the true class.
    """

    videos: np.ndarray
    tracks: np.ndarray
    frames: np.ndarray
    levels: np.ndarray
    classes: np.ndarray


def error_counts(objects: ObjectsInFrames, told: np.ndarray, videos: int) -> np.ndarray:
    """[videos, groups, 2] int, what is taken for another class, and all; told [O] are classes."""
    counts = np.zeros((videos, len(GROUPS), 2), np.int64)
    wrong = told != objects.classes
    for level in (objects.levels, np.full_like(objects.levels, GROUPS.index("all"))):
        np.add.at(counts, (objects.videos, level, 0), wrong)
        np.add.at(counts, (objects.videos, level, 1), 1)
    for track in np.unique(objects.tracks):
        own = objects.tracks == track
        first = own.argmax()
        row = counts[objects.videos[first], GROUPS.index(TRACKS)]
        row += np.bincount(told[own]).argmax() != objects.classes[first], 1
    return counts


def error_tables(
    name: str, title: str, systems: Sequence[str], counts: np.ndarray, note: str
) -> tuple[list[Table], dict]:
    """Shares with intervals over videos and seeds, and differences to the first system.

    Args:
      name: of the first table.
      title: of both.
      systems: S names of what tells classes.
      counts: [S, seeds, videos, groups, 2] of `error_counts`.
      note: what the shares are.

    Returns:
      The tables, and the numbers by system and group.
    """
    _, seeds, videos, _, _ = counts.shape
    draws = video_draws(videos, DRAWS)[:, None, :] * seed_draws(seeds)[:, :, None]
    tables, _, numbers = ratio_comparison(
        name,
        title,
        GROUPS,
        systems,
        counts.reshape(len(systems), seeds * videos, len(GROUPS), 2),
        draws.reshape(DRAWS, -1),
        f"{DRAWN}. {note} {NOTE}",
    )
    return tables, numbers
