"""Objects that are propagated from frame to frame: what is remembered, taught and put out."""

from __future__ import annotations

import flax
import jax
import jax.numpy as jnp

from ovis_jax.models.matching import pair_matches
from ovis_jax.ops.boxes import corner_factors
from ovis_jax.ops.masks import unpack_masks
from ovis_jax.ops.matching import spread_pixels
from ovis_jax.structures import Detections, FrameOutput, Instances
from ovis_jax.tracking.propagation import Links, LiveTracks, no_tracks, regions_of

STRIDE = 4  # pixels of the canvas from cell to cell of the maps
_LARGEST_LOGIT = 10.0  # over background, of the pixels of a track that begins


@flax.struct.dataclass
class References:
    """Pixels that all pixels are compared with.

    Attributes:
      embeddings: [O, S, E] of pixels of each object; background is the first.
      exist: [O, S] bool.
    """

    embeddings: jax.Array
    exist: jax.Array

    @property
    def both(self) -> tuple[jax.Array, jax.Array]:
        """The two, as `global_distances` takes them."""
        return self.embeddings, self.exist


@flax.struct.dataclass
class PropagationMemory:
    """What the frames of a video leave behind; its size is that of the canvas.

    Attributes:
      tracks: M slots.
      embeddings: [h, w, E] of the previous frame.
      probs: [h, w, 1 + M] of the previous frame, of background and of the slots.
      owners: [h, w] int32 in the previous frame, 1 + slot or 0; -1: not in the frame, or none was.
      references: of background, in the frame in which a track began last, and of each slot, in the
        frame in which its track began.
    """

    tracks: LiveTracks
    embeddings: jax.Array
    probs: jax.Array
    owners: jax.Array
    references: References


def empty_memory(
    capacity: int, shape: tuple[int, int], size: int, reference_pixels: int
) -> PropagationMemory:
    """Before the first frame of a video.

    Args:
      capacity: M, tracks that are live at once.
      shape: (h, w) of the maps.
      size: E.
      reference_pixels: S.
    """
    grid = (1 + capacity, reference_pixels)
    return PropagationMemory(
        tracks=no_tracks(capacity),
        embeddings=jnp.zeros((*shape, size)),
        probs=jnp.zeros((*shape, 1 + capacity)).at[..., 0].set(1),
        owners=jnp.full(shape, -1, jnp.int32),
        references=References(jnp.zeros((*grid, size)), jnp.zeros(grid, bool)),
    )


def cells_inside(image_size: jax.Array, shape: tuple[int, int], stride: int) -> jax.Array:
    """Cells [h, w] bool of a canvas whose centres lie in a frame of size [2], without padding."""
    rows, columns = (stride * (jnp.arange(side) + 0.5) for side in shape)
    return (rows < image_size[0])[:, None] & (columns < image_size[1])


def spread_references(
    embeddings: jax.Array,
    owners: jax.Array,
    num_objects: int,
    count: int,
    shift: jax.Array | float = 0.5,
) -> References:
    """Some pixels of each object of a frame.

    Args:
      embeddings: [h, w, E].
      owners: [h, w] int32, object of each pixel in [0, O), or -1.
      num_objects: O.
      count: S.
      shift: see `spread_pixels`.
    """
    inside = owners.reshape(-1) == jnp.arange(num_objects)[:, None]
    index, exist = spread_pixels(inside, count, shift)
    return References(embeddings.reshape(-1, embeddings.shape[-1])[index], exist)


def taught_objects(instances: Instances, capacity: int) -> tuple[jax.Array, jax.Array]:
    """The objects of the first frame of a clip, pixel by pixel in all of its frames.

    Args:
      instances: [T, N, ...] with masks of all frames.
      capacity: M; of more objects, the first ones are taken. All else is background.

    Returns:
      [T, H, W] int32, 1 + the object of each pixel, of several the first, or 0; and which objects
      there are, [M] bool.
    """
    first = jax.tree.map(lambda x: x[0], instances.replace(masks=None))
    chosen = jnp.argsort(~first.valid, stable=True)[:capacity]
    first = jax.tree.map(lambda x: x[chosen], first)

    def of_frame(own):
        slot = pair_matches(first, own.replace(masks=None))
        masks = unpack_masks(own.masks[jnp.maximum(slot - 1, 0)]) & (slot > 0)[:, None, None]
        return jnp.where(masks.any(0), 1 + jnp.argmax(masks, axis=0), 0).astype(jnp.int32)

    return jax.lax.map(of_frame, instances), first.valid


def remembered(
    memory: PropagationMemory,
    tracks: LiveTracks,
    links: Links,
    frame: tuple[jax.Array, jax.Array, jax.Array],
) -> PropagationMemory:
    """The memory after a frame.

    Args:
      memory: before it.
      tracks: after it.
      links: of it.
      frame: embeddings [h, w, E], probabilities [h, w, 1 + M] before tracks began, and owners
        [h, w] after that.
    """
    embeddings, probs, owners = frame
    count = probs.shape[-1]
    begun = jnp.concatenate([jnp.zeros(1, bool), links.born])
    drawn = begun[jnp.maximum(owners, 0)] & (owners > 0)
    probs = jnp.where(drawn[..., None], jax.nn.one_hot(owners, count), probs)
    fresh = begun.at[0].set(links.born.any())
    size = memory.references.exist.shape[1]
    new = spread_references(embeddings, owners, count, size)

    def chosen(new, old):
        return jnp.where(fresh.reshape(-1, *[1] * (old.ndim - 1)), new, old)

    references = jax.tree.map(chosen, new, memory.references)
    return PropagationMemory(tracks, embeddings, probs, owners, references)


def frame_output(
    memory: PropagationMemory,
    links: Links,
    maps: tuple[jax.Array, jax.Array],
    detections: Detections,
    scale: jax.Array,
) -> FrameOutput:
    """The live tracks that hold pixels, in the order of their slots.

    Scores are those of their detections, 0 in a frame in which a track was not detected.

    Args:
      memory: after the frame.
      links: of the frame.
      maps: logits [h, w, 1 + M] of background and of the slots, and probabilities [D, h, w] of the
        masks of detections, which draw the tracks that begin.
      detections: of the frame.
      scale: see `Window`.
    """
    logits, drawn = maps
    capacity = logits.shape[-1] - 1
    regions = regions_of(memory.owners, capacity) & memory.tracks.live[:, None, None]
    detected, number = links.detection >= 0, jnp.maximum(links.detection, 0)
    propagated = jnp.moveaxis(logits[..., 1:] - logits[..., :1], -1, 0)
    probs = jnp.clip(drawn[number], 1e-6, 1 - 1e-6)
    own = jnp.clip(jnp.log(probs / (1 - probs)), -_LARGEST_LOGIT, _LARGEST_LOGIT)
    own = jnp.where(regions, own, -_LARGEST_LOGIT)
    mask_logits = jnp.where(links.born[:, None, None], own, propagated)
    height, width = (STRIDE * side for side in regions.shape[1:])
    canvas = jnp.array([0, 0, width, height]) / corner_factors(scale)
    return FrameOutput(
        ids=memory.tracks.ids,
        scores=jnp.where(detected, detections.scores[number], 0),
        labels=memory.tracks.labels,
        boxes=region_boxes(regions) / corner_factors(scale),
        mask_logits=mask_logits,
        mask_boxes=jnp.broadcast_to(canvas, (capacity, 4)),
        valid=regions.any((1, 2)),
        overflow=detections.overflow + links.lost,
    )


def region_boxes(regions: jax.Array) -> jax.Array:
    """Boxes [M, 4] around masks [M, h, w] bool, from edge to edge in pixels of the canvas."""

    def ends(any_cell):
        first = jnp.argmax(any_cell, axis=1)
        last = any_cell.shape[1] - jnp.argmax(any_cell[:, ::-1], axis=1)
        return STRIDE * first, STRIDE * last

    top, bottom = ends(regions.any(2))
    left, right = ends(regions.any(1))
    return jnp.stack([left, top, right, bottom], axis=-1).astype(jnp.float32)
