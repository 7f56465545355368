"""Propagated objects beside the detections of a frame: who goes on, who begins, who ends.

Source: our reading of FEELVOS as it is used for instances of videos; docs/feelvos.md.
"""

from __future__ import annotations

import dataclasses

import flax
import jax
import jax.numpy as jnp

from ovis_jax.ops.masks import mask_iou


@flax.struct.dataclass
class LiveTracks:
    """Objects that are propagated. A slot is free again when its track has ended.

    Attributes:
      ids: [M] int32, identities.
      labels: [M] int32, of the last detection.
      live: [M] bool.
      unseen: [M] int32, frames in a row without a pixel.
      count: [] int32, identities so far.
      frame: [] int32, number of the next frame.
    """

    ids: jax.Array
    labels: jax.Array
    live: jax.Array
    unseen: jax.Array
    count: jax.Array
    frame: jax.Array


@flax.struct.dataclass
class Links:
    """What a frame says of its live tracks.

    Attributes:
      detection: [M] int32, of each slot; -1: none.
      born: [M] bool, begun in this frame.
      lost: [] int32, objects for which no slot was free.
    """

    detection: jax.Array
    born: jax.Array
    lost: jax.Array


@dataclasses.dataclass(frozen=True)
class PropagationRules:
    """When tracks begin, are detected again, and end.

    Attributes:
      start_score: least score of a detection that begins a track.
      min_iou: least overlap of a propagated mask with the detection that it is.
      min_free: share of a detection's mask that no track may hold yet, for it to begin one. 0: a
        pixel is enough.
      max_unseen: a track ends after so many frames in a row without a pixel, and one more.
      first_frame_only: tracks begin in the first frame alone, as in video object segmentation.
    """

    start_score: float = 0.3
    min_iou: float = 0.5
    min_free: float = 0.5
    max_unseen: int = 20
    first_frame_only: bool = False

    def __post_init__(self):
        """Refuses shares that are none: with an overlap of 0, everything would be the same."""
        if not 0 < self.min_iou <= 1:
            raise ValueError(f"min_iou is {self.min_iou}; expected 0 < min_iou <= 1")
        if not 0 <= self.min_free <= 1:
            raise ValueError(f"min_free is {self.min_free}; expected 0 <= min_free <= 1")


def no_tracks(capacity: int) -> LiveTracks:
    """Before the first frame of a video: `capacity` free slots."""
    zeros = jnp.zeros(capacity, jnp.int32)
    return LiveTracks(zeros, zeros, zeros > 0, zeros, jnp.int32(0), jnp.int32(0))


def regions_of(owners: jax.Array, capacity: int) -> jax.Array:
    """Masks [M, h, w] bool of the slots, from the owners [h, w] of pixels: 1 + slot, or less."""
    return owners == jnp.arange(1, 1 + capacity)[:, None, None]


def link(
    tracks: LiveTracks,
    owners: jax.Array,
    masks: jax.Array,
    scored: tuple[jax.Array, jax.Array, jax.Array],
    rules: PropagationRules,
) -> tuple[LiveTracks, jax.Array, Links]:
    """The tracks of a frame, from those before it that were propagated and its detections.

    A track is the detection that its mask overlaps most, greedily from the greatest overlap on. In
    the order of scores, of equals the first, the detections that are none begin tracks, in the
    pixels that no other track holds.

    Args:
      tracks: before the frame.
      owners: [h, w] int32, who holds a pixel after propagation: 1 + slot; 0: none; -1: not in the
        frame.
      masks: [D, h, w] bool of the detections.
      scored: scores [D] float32, labels [D] int32, valid [D] bool.
      rules: of all this.

    Returns:
      The tracks, the owners with those of new tracks, and what became of the detections.
    """
    scores, labels, valid = scored
    masks = masks & valid[:, None, None] & (owners >= 0)
    regions = regions_of(owners, len(tracks.ids))
    seen = regions.any((1, 2))
    unseen = jnp.where(seen, 0, tracks.unseen + 1)
    live = tracks.live & (unseen <= rules.max_unseen)
    detection = greedy_pairs(mask_iou(regions & live[:, None, None], masks), rules.min_iou)
    taken = jnp.zeros(len(valid), bool).at[_or_out(detection, len(valid))].set(True, mode="drop")
    may_start = valid & ~taken & (scores >= rules.start_score)
    may_start &= (tracks.frame == 0) | (not rules.first_frame_only)

    state = owners, live, detection, jnp.int32(0)
    state, slots = _begin_tracks(state, masks, jnp.where(may_start, scores, -jnp.inf), rules)
    owners, live, detection, lost = state
    begun = slots < len(live)
    new_ids = tracks.count + jnp.cumsum(begun) - 1
    born = jnp.zeros(len(live), bool).at[slots].set(True, mode="drop")
    own = labels[jnp.maximum(detection, 0)]
    after = LiveTracks(
        ids=tracks.ids.at[slots].set(new_ids.astype(jnp.int32), mode="drop"),
        labels=jnp.where(detection >= 0, own, tracks.labels),
        live=live,
        unseen=jnp.where(born, 0, unseen),
        count=tracks.count + begun.sum(dtype=jnp.int32),
        frame=tracks.frame + 1,
    )
    return after, owners, Links(detection, born, lost)


def _begin_tracks(
    state: tuple[jax.Array, jax.Array, jax.Array, jax.Array],
    masks: jax.Array,
    scores: jax.Array,
    rules: PropagationRules,
) -> tuple[tuple[jax.Array, jax.Array, jax.Array, jax.Array], jax.Array]:
    """Begins tracks in free slots, in the order of scores.

    Args:
      state: owners [h, w], which slots are live [M], their detections [M], and how many objects
        found no slot [].
      masks: [D, h, w] bool.
      scores: [D]; -inf: begins none.
      rules: see `link`.

    Returns:
      The state after it, and the slots [D] of new tracks in the order of scores; M: no track.
    """

    def begin(state, number):
        owners, live, detection, lost = state
        free = masks[number] & (owners == 0)
        least = jnp.maximum(rules.min_free * masks[number].sum(), 1)
        starts = (scores[number] > -jnp.inf) & (free.sum() >= least)
        slot, room = jnp.argmin(live), ~live.all()
        begins = starts & room
        owners = jnp.where(free & begins, 1 + slot, owners)
        live = live.at[slot].set(live[slot] | begins)
        detection = detection.at[slot].set(jnp.where(begins, number, detection[slot]))
        slot = jnp.where(begins, slot, len(live))
        return (owners, live, detection, lost + (starts & ~room)), slot

    order = jnp.argsort(-scores, stable=True).astype(jnp.int32)
    return jax.lax.scan(begin, state, order)


def greedy_pairs(overlaps: jax.Array, least: float) -> jax.Array:
    """The column of each row, [M] int32, or -1: the greatest overlap first, each only once.

    Args:
      overlaps: [M, D]; of equal ones the first row, then the first column.
      least: of a pair.
    """
    rows, columns = overlaps.shape

    def choose(_, state):
        left, chosen = state
        row, column = jnp.unravel_index(jnp.argmax(left), left.shape)
        good = left[row, column] >= least
        chosen = chosen.at[row].set(jnp.where(good, column, chosen[row]).astype(jnp.int32))
        closed = (jnp.arange(rows)[:, None] == row) | (jnp.arange(columns) == column)
        return jnp.where(closed, -1, left), chosen

    start = overlaps, jnp.full(rows, -1, jnp.int32)
    return jax.lax.fori_loop(0, min(rows, columns), choose, start)[1]


def _or_out(index: jax.Array, length: int) -> jax.Array:
    """Indices, and `length` in the place of negative ones."""
    return jnp.where(index >= 0, index, length)
