"""Embeddings of the pixels of a clip, their bandwidths, and how well each would do as a seed."""

from __future__ import annotations

from collections.abc import Sequence

import flax
import jax
import jax.numpy as jnp
import numpy as np
from flax import linen as nn

from ovis_jax.models.squeeze_expand import SqueezeExpand
from ovis_jax.ops.lovasz import lovasz_hinge
from ovis_jax.ops.means import Mean

SPACE = 2  # dimensions of an embedding that begin as the pixel's place: y and x
FREE_DEVIATION = 0.3  # of the other dimensions, which have one bandwidth for all pixels
_OFFSET_SCALE = 0.25
_BANDWIDTH_SCALE = 10.0


@flax.struct.dataclass
class PixelEmbeddings:
    """What is said of the pixels of clips.

    Attributes:
      embeddings: [..., h, w, E] float32; y and x first, from -1 to 1 along the shorter side.
      variances: [..., h, w, 2] float32, logarithms of the bandwidths of y and x.
      seediness: [..., h, w] float32 in [0, 1].
    """

    embeddings: jax.Array
    variances: jax.Array
    seediness: jax.Array

    def bandwidths(self) -> jax.Array:
        """[..., h, w, E], of all dimensions."""
        return all_bandwidths(space_bandwidths(self.variances), self.embeddings.shape[-1])


def space_bandwidths(variances: jax.Array) -> jax.Array:
    """[..., 2], bandwidths of y and x."""
    return _BANDWIDTH_SCALE * jnp.exp(variances)


def all_bandwidths(space: jax.Array, size: int) -> jax.Array:
    """Bandwidths [..., 2] of y and x, with those of the free dimensions: [..., size]."""
    free = jnp.full((*space.shape[:-1], size - SPACE), 1 / FREE_DEVIATION**2, space.dtype)
    return jnp.concatenate([space, free], axis=-1)


class ClusterEmbeddingHead(nn.Module):
    """Embeds pixels so that those of an instance lie together in a clip, over space and time.

    Source: STEm-Seg, section 3, mixture "xyff".

    Attributes:
      channels: of the decoder; see `SqueezeExpand`.
      free_dims: of an embedding, besides y and x.
      groups: of the decoder's norms.
      dtype: of the computation.
    """

    channels: tuple[int, int, int, int] = (256, 256, 128, 128)
    free_dims: int = 2
    groups: int = 32
    dtype: str = "float32"

    def setup(self):
        """Makes the parts."""
        self.decoder = SqueezeExpand(tuple(self.channels), self.groups, self.dtype)
        self.embedding = nn.Dense(SPACE + self.free_dims, use_bias=False, dtype=self.dtype)
        self.variance = nn.Dense(SPACE, dtype=self.dtype)
        self.seediness = nn.Dense(1, use_bias=False, dtype=self.dtype)

    def __call__(self, pyramid: Sequence[jax.Array]) -> PixelEmbeddings:
        """Reads P2...P5 of clips, [B, T, h, w, C] each; gives [B, T, h, w, ...]."""
        x = self.decoder(pyramid)
        offsets = jnp.tanh(_OFFSET_SCALE * self.embedding(x).astype(jnp.float32))
        grid = pixel_grid(*x.shape[-3:-1])
        grid = np.pad(grid, [(0, 0), (0, 0), (0, self.free_dims)])
        return PixelEmbeddings(
            embeddings=offsets + grid,
            variances=self.variance(x).astype(jnp.float32),
            seediness=nn.sigmoid(self.seediness(x)[..., 0].astype(jnp.float32)),
        )


def pixel_grid(height: int, width: int) -> np.ndarray:
    """[height, width, 2] float32: y and x of the pixels, the shorter side from -1 to 1."""
    tall, wide = max(1, height / width), max(1, width / height)
    y = np.linspace(-tall, tall, height)
    x = np.linspace(-wide, wide, width)
    return np.stack(np.meshgrid(y, x, indexing="ij"), axis=-1).astype(np.float32)


def instance_targets(masks: jax.Array, shifted: bool) -> tuple[jax.Array, jax.Array, jax.Array]:
    """The pixels that an instance's embedding is averaged over, and the mask it is to fill.

    Args:
      masks: [N, P] bool; slots without a pixel are empty.
      shifted: as published, the n-th instance that has pixels is compared with the n-th mask:
        another one if an instance before it has none.

    Returns:
      [N, P] bool, pixels of an instance; [N, P] bool, its mask; and [N] bool, whether it exists.
    """
    exists = masks.any(axis=-1)
    if not shifted:
        return masks, masks, exists
    order = jnp.argsort(~exists, stable=True)
    return masks[order], masks, exists[order]


def embedding_losses(
    said: PixelEmbeddings,
    masks: jax.Array,
    ignored: jax.Array | None = None,
    shifted: bool = False,
) -> dict[str, Mean]:
    """Losses of one clip; zero without instances.

    Args:
      said: of its pixels, [T, h, w, ...].
      masks: [N, T, h, w] bool of its instances; those without a pixel count as none.
      ignored: [T, h, w] bool, pixels whose seediness is not learned outside of all masks; they
        count in the mean all the same.
      shifted: see `instance_targets`.

    Returns:
      "lovasz", the Lovász hinge of the probabilities of an instance's pixels, a mean over
      instances; "smoothness", the squared deviations of variances within an instance, likewise; and
      "seediness", its squared errors, a mean over instances and the background.
    """
    size = said.embeddings.shape[-1]
    embeddings = said.embeddings.reshape(-1, size)
    variances, seediness = said.variances.reshape(-1, SPACE), said.seediness.reshape(-1)
    flat = masks.reshape(len(masks), -1)
    own, targets, exists = instance_targets(flat, shifted)
    compared = exists & targets.any(axis=-1)
    centers = _means(embeddings, own)
    bandwidths = all_bandwidths(_means(space_bandwidths(variances), own), size)

    def instance(center, bandwidth, target):
        differences = embeddings - center
        probs = jnp.exp(-0.5 * jnp.sum(bandwidth * differences * differences, axis=-1))
        errors = jnp.square(seediness - jax.lax.stop_gradient(probs))
        return lovasz_hinge(2 * probs - 1, target), _mean(errors, target)

    lovasz, seeds = jax.vmap(instance)(centers, bandwidths, targets)
    deviations = jnp.square(variances - _means(variances, own)[:, None])  # [N, P, 2]
    smoothness = jax.vmap(_mean)(deviations.mean(-1), own)
    background = ~flat.any(axis=0)
    learned = background if ignored is None else background & ~ignored.reshape(-1)
    zeros = jnp.sum(jnp.square(seediness), where=learned) / jnp.maximum(background.sum(), 1)
    count = exists.sum()
    return {
        "lovasz": Mean(jnp.sum(lovasz, where=compared), count),
        "smoothness": Mean(jnp.sum(smoothness, where=exists), count),
        "seediness": Mean(
            jnp.where(count > 0, jnp.sum(seeds, where=compared) + zeros, 0.0),
            jnp.where(count > 0, count + 1, 0),
        ),
    }


def _mean(values: jax.Array, where: jax.Array) -> jax.Array:
    """The mean of values [P] at some of them; 0 at none."""
    return jnp.sum(values, where=where) / jnp.maximum(where.sum(), 1)


def _means(values: jax.Array, masks: jax.Array) -> jax.Array:
    """Means [N, C] of values [P, C] over the pixels of masks [N, P]; 0 of an empty one."""
    sums = jnp.einsum("np,pc->nc", masks.astype(values.dtype), values, precision="highest")
    return sums / jnp.maximum(masks.sum(axis=-1), 1)[:, None]
