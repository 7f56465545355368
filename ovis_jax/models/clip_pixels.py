"""Pixels of clips to clusters, and clusters to the objects of a frame."""

from __future__ import annotations

import dataclasses

import jax
import jax.numpy as jnp

from ovis_jax.models.clip_memory import ClipMemory, DecodedClips
from ovis_jax.models.heads.cluster_embedding import (
    PixelEmbeddings,
    all_bandwidths,
    space_bandwidths,
)
from ovis_jax.ops.clip_schedule import ClipSchedule
from ovis_jax.ops.clustering import ClusterRules, cluster_pixels
from ovis_jax.ops.resize import bilinear_weights, resize_bilinear
from ovis_jax.structures import FrameOutput
from ovis_jax.tracking.stitch import ClipIdentities

STRIDE = 4  # pixels of the canvas from cell to cell of the finest level


@dataclasses.dataclass(frozen=True)
class LossWeights:
    """What the losses of STEm-Seg count."""

    lovasz: float = 1.0
    smoothness: float = 10.0
    seediness: float = 1.0
    semantic: float = 1.0
    foreground: float = 1.0


def mean_foreground(decoded: DecodedClips, schedule: ClipSchedule, frames: jax.Array) -> jax.Array:
    """Foreground logits [F, h, w] of frames [F]: means over the clips that show them."""
    shares = decoded.shares(schedule, frames)
    return jnp.einsum("fpt,pthw->fhw", shares, decoded.logits.foreground, precision="highest")


def cluster_clip(
    pixels: PixelEmbeddings,
    foreground: jax.Array,
    counted: jax.Array,
    rules: ClusterRules,
    enlarged: int,
) -> jax.Array:
    """Clusters of the pixels of a clip.

    Args:
      pixels: what is said of them, [T, h, w, ...].
      foreground: [T, h, w] logits.
      counted: [T] bool, frames whose pixels are clustered.
      rules: of clustering.
      enlarged: cells of the result for each one of these, along each axis.

    Returns:
      [T, enlarged * h, enlarged * w] int8, cluster in [0, K), or negative.
    """
    embeddings, seediness = pixels.embeddings, pixels.seediness
    bandwidths = space_bandwidths(pixels.variances)
    if enlarged > 1:
        height, width = (enlarged * side for side in foreground.shape[1:])
        maps = jnp.concatenate(
            [embeddings, bandwidths, seediness[..., None], foreground[..., None]], axis=-1
        )
        maps = resize_bilinear(maps, height, width)
        size = embeddings.shape[-1]
        embeddings, bandwidths = maps[..., :size], maps[..., size:-2]
        seediness, foreground = maps[..., -2], maps[..., -1]
    size = embeddings.shape[-1]
    inside = (foreground > 0) & counted[:, None, None]
    labels = cluster_pixels(
        embeddings.reshape(-1, size),
        all_bandwidths(bandwidths, size).reshape(-1, size),
        seediness.reshape(-1),
        inside.reshape(-1),
        rules,
    )
    return labels.reshape(inside.shape).astype(jnp.int8)


def known_frames(memory: ClipMemory, schedule: ClipSchedule, frames: jax.Array) -> ClipIdentities:
    """What is known of frames [T] that the last clip shows; anything for others."""
    places = jnp.clip(frames - memory.start, 0, schedule.num_frames - 1)
    known = memory.known
    return known.replace(clusters=known.clusters[places], ids=known.ids[places])


def frame_output(
    memory: ClipMemory, schedule: ClipSchedule, enlarged: int, scale: jax.Array
) -> FrameOutput:
    """The objects of the memory's frame, in the order of their identities.

    Scores are numbers of pixels, class scores the sums of their mean logits, without background.

    Args:
      memory: whose last clip shows the frame.
      schedule: of the clips.
      enlarged: cells of the map of clusters for each of the logits' cells, along each axis.
      scale: see `Window`.
    """
    place = memory.frame - memory.start
    clusters, ids = memory.known.clusters[place], memory.known.ids[place]
    num_clusters = len(ids)
    visible = (clusters[None] == jnp.arange(num_clusters)[:, None, None]).any((1, 2))
    order = jnp.argsort(jnp.where(visible, ids, jnp.iinfo(jnp.int32).max), stable=True)
    masks = (clusters[None] == order[:, None, None]).astype(jnp.float32)
    pixels = masks.sum((1, 2))
    classes = memory.decoded.logits.classes
    shares = memory.decoded.shares(schedule, memory.frame[None])[0]
    logits = jnp.einsum("pt,pthwk->hwk", shares, classes, precision="highest")[..., 1:]
    sums = jnp.einsum("chw,hwk->ck", _weights(masks, enlarged), logits, precision="highest")
    in_x, in_y = jnp.broadcast_to(scale, 2)
    height, width = (STRIDE * side for side in classes.shape[2:4])
    canvas = jnp.stack([0 * in_x, 0 * in_y, width / in_x, height / in_y])
    canvas = jnp.broadcast_to(canvas, (num_clusters, 4))
    return FrameOutput(
        ids=ids[order],
        scores=pixels,
        labels=sums.argmax(-1).astype(jnp.int32),
        boxes=canvas,
        mask_logits=masks - 0.5,
        mask_boxes=canvas,
        valid=pixels > 0,
        overflow=jnp.int32(0),
        class_scores=sums,
    )


def _weights(masks: jax.Array, enlarged: int) -> jax.Array:
    """How much each cell of the logits counts in the sum over the pixels of masks [C, H, W].

    The sum over pixels of enlarged logits, without enlarging the logits: [C, h, w].
    """
    if enlarged == 1:
        return masks
    rows, columns = (
        jnp.asarray(bilinear_weights(side // enlarged, side), jnp.float32)
        for side in masks.shape[1:]
    )
    return jnp.einsum("chw,hi,wj->cij", masks, rows, columns, precision="highest")
