"""Heads that carry objects from frame to frame by the distances of their pixels: FEELVOS."""

from __future__ import annotations

import jax
import jax.numpy as jnp
from flax import linen as nn

from ovis_jax.models.layers import DepthwiseConv
from ovis_jax.ops.matching import global_distances, local_distances

_EMBEDDING_KERNEL, _SEGMENTATION_KERNEL = 3, 7
CUES = 3
"""What is known of an object at a pixel: global distance, probability, local distance."""


class SplitSeparableConv(nn.Module):
    """A depthwise and a pointwise convolution, each with a bias and ReLU.

    Attributes:
      features: output channels.
      kernel_size: of the depthwise one, odd.
      dtype: of the computation.
    """

    features: int
    kernel_size: int
    dtype: str = "float32"

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        """Maps [B, h, w, C] to [B, h, w, features]."""
        depthwise = DepthwiseConv(self.dtype, self.kernel_size, use_bias=True, name="depthwise")
        x = nn.relu(depthwise(x))
        return nn.relu(nn.Dense(self.features, dtype=self.dtype, name="pointwise")(x))


class EmbeddingHead(nn.Module):
    """Features of a frame to embeddings of its pixels. Source: FEELVOS, section 3.2.

    Attributes:
      size: E.
      dtype: of the computation.
    """

    size: int = 100
    dtype: str = "float32"

    @nn.compact
    def __call__(self, features: jax.Array) -> jax.Array:
        """Maps [B, h, w, C] to [B, h, w, E] float32: distances need all digits."""
        conv = SplitSeparableConv(self.size, _EMBEDDING_KERNEL, self.dtype, name="conv")
        return conv(features).astype(jnp.float32)


class PropagationHead(nn.Module):
    """What is known of each object to its logits, with one network for all objects.

    Source: FEELVOS, section 3.5. Background is an object like others.

    Attributes:
      channels: of the convolutions.
      num_convs: how many.
      dtype: of the computation.
    """

    channels: int = 256
    num_convs: int = 4
    dtype: str = "float32"

    @nn.compact
    def __call__(self, features: jax.Array, cues: jax.Array) -> jax.Array:
        """Logits [B, h, w, O] float32 of the objects; their softmax says whose a pixel is.

        Args:
          features: [B, h, w, C] of frames.
          cues: [B, h, w, O, 3] of each object, see `object_cues`.
        """
        batch, *size, count, _ = cues.shape
        objects = jnp.moveaxis(cues, 3, 1).reshape(batch * count, *size, -1)
        own = self._first(objects.astype(features.dtype), "cues")
        shared = self._first(features, "features")
        x = own.reshape(batch, count, *size, -1) + shared[:, None]
        x = nn.relu(x).reshape(batch * count, *size, -1)
        for i in range(1, self.num_convs):
            conv = SplitSeparableConv(
                self.channels, _SEGMENTATION_KERNEL, self.dtype, name=f"conv{i}"
            )
            x = conv(x)
        logits = nn.Dense(1, dtype=self.dtype, name="logits")(x)[..., 0].astype(jnp.float32)
        return jnp.moveaxis(logits.reshape(batch, count, *size), 1, -1)

    def _first(self, x: jax.Array, name: str) -> jax.Array:
        """A part of the first convolution before its last ReLU, [B, h, w, channels].

        Objects share the features, whose part is computed once; a pointwise convolution of both
        is a sum. The bias is that of the features.
        """
        depthwise = DepthwiseConv(
            self.dtype, _SEGMENTATION_KERNEL, use_bias=True, name=f"{name}_depthwise"
        )
        pointwise = nn.Dense(
            self.channels,
            use_bias=name == "features",
            dtype=self.dtype,
            name=f"{name}_pointwise",
        )
        return pointwise(nn.relu(depthwise(x)))


def object_cues(
    embeddings: jax.Array,
    reference: tuple[jax.Array, jax.Array],
    previous: tuple[jax.Array, jax.Array, jax.Array],
    radius: int = 15,
) -> jax.Array:
    """What is known of each object at each pixel.

    Args:
      embeddings: [h, w, E] of the current frame.
      reference: embeddings [O, S, E] of pixels of each object, and which exist, [O, S] bool.
      previous: embeddings [h, w, E] of the previous frame, its probabilities [h, w, O], and the
        object [h, w] int32 of each pixel; negative: none.
      radius: of the window in the previous frame.

    Returns:
      [h, w, O, 3] float32: the global distance, the probability of the previous frame, the local
      distance.
    """
    before, probs, owners = previous
    count = probs.shape[-1]
    everywhere = global_distances(embeddings, *reference)
    nearby = local_distances(embeddings, before, owners, count, radius)
    return jnp.stack([everywhere, probs, nearby], axis=-1)


def propagation_loss(
    logits: jax.Array, labels: jax.Array, inside: jax.Array, share: float
) -> jax.Array:
    """Mean cross-entropy of the pixels that are hardest to tell.

    Args:
      logits: [h, w, O].
      labels: [h, w] int32, the object of each pixel, in [0, O).
      inside: [h, w] bool, pixels of the frame; no others count.
      share: in (0, 1], of the pixels that count: at least one does.

    Returns:
      [] float32. Source: FEELVOS, section 3.6.
    """
    entropy = -jnp.take_along_axis(jax.nn.log_softmax(logits), labels[..., None], axis=-1)
    entropy = entropy.reshape(-1)
    hardness = jnp.where(inside.reshape(-1), jax.lax.stop_gradient(entropy), -1)
    order = jnp.argsort(-hardness)
    count = jnp.maximum(jnp.int32(share * inside.sum()), 1)
    counted = jnp.arange(entropy.size) < count
    return jnp.sum(entropy[order], where=counted) / count
