"""Classes of the pixels of a clip, and whether any instance covers them."""

from __future__ import annotations

from collections.abc import Sequence

import flax
import jax
import jax.numpy as jnp
import optax
from flax import linen as nn

from ovis_jax.models.squeeze_expand import SqueezeExpand


@flax.struct.dataclass
class SemanticLogits:
    """What is said of the pixels of clips.

    Attributes:
      classes: [..., h, w, K + 1] float32, background first.
      foreground: [..., h, w] float32.
    """

    classes: jax.Array
    foreground: jax.Array


class SemanticHead(nn.Module):
    """Classifies pixels. Source: STEm-Seg, section 3.4.

    Attributes:
      num_classes: K.
      channels: of the decoder; see `SqueezeExpand`.
      groups: of the decoder's norms.
      dtype: of the computation.
    """

    num_classes: int
    channels: tuple[int, int, int, int] = (256, 256, 256, 256)
    groups: int = 32
    dtype: str = "float32"

    def setup(self):
        """Makes the parts."""
        self.decoder = SqueezeExpand(tuple(self.channels), self.groups, self.dtype)
        self.logits = nn.Dense(self.num_classes + 2, use_bias=False, dtype=self.dtype)

    def __call__(self, pyramid: Sequence[jax.Array]) -> SemanticLogits:
        """Reads P2...P5 of clips, [B, T, h, w, C] each; gives [B, T, h, w, ...]."""
        logits = self.logits(self.decoder(pyramid)).astype(jnp.float32)
        return SemanticLogits(logits[..., :-1], logits[..., -1])


def semantic_targets(masks: jax.Array, labels: jax.Array) -> jax.Array:
    """The class of each pixel; where instances overlap, the greatest.

    Args:
      masks: [N, ...] bool.
      labels: [N] int32 in [0, K) where the mask has a pixel.

    Returns:
      [...] int32 in [0, K], 0 where there is none.
    """
    labels = labels.reshape(-1, *[1] * (masks.ndim - 1))
    return jnp.max(jnp.where(masks, labels + 1, 0), axis=0, initial=0)


def semantic_losses(
    said: SemanticLogits, targets: jax.Array, ignored: jax.Array | None = None
) -> tuple[jax.Array, jax.Array]:
    """Losses of one clip.

    Args:
      said: of its pixels, [T, h, w, ...].
      targets: [T, h, w] int32 in [0, K].
      ignored: [T, h, w] bool, pixels whose foreground is not learned; as published, their class is.

    Returns:
      [] float32 each, means over pixels: cross-entropy of the classes, and of the foreground.
    """
    entropy = optax.softmax_cross_entropy_with_integer_labels(said.classes, targets)
    binary = optax.sigmoid_binary_cross_entropy(said.foreground, (targets > 0).astype(jnp.float32))
    counted = jnp.ones_like(targets, bool) if ignored is None else ~ignored
    foreground = jnp.sum(binary, where=counted) / jnp.maximum(counted.sum(), 1)
    return entropy.mean(), foreground
