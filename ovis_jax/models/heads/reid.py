"""Re-identification head: pyramid to an embedding for every point, and who it is in training.

Source: CrossVIS, section 3.3. The embeddings of the points of an object are classified among all
objects of the training data; what links frames later is their angle.
"""

import math
from collections.abc import Sequence

import jax
import jax.numpy as jnp
from flax import linen as nn

from ovis_jax.models.batch_norm import BatchNorm
from ovis_jax.models.layers import Tower, torch_uniform
from ovis_jax.ops.compact import map_valid
from ovis_jax.ops.losses import sigmoid_focal
from ovis_jax.ops.means import Mean

NORMS = ("batch", "none")
PRIOR = 0.01  # probability of an identity at the start
LOSS_CHUNK = 64  # embeddings that are classified together; more only need more memory
_SHORTEST = 1e-12  # an embedding that is shorter is divided by this length


class ReidHead(nn.Module):
    """A tower shared by all levels, a 1x1 convolution, and a norm.

    Attributes:
      channels: of an embedding.
      tower_channels: of the tower.
      num_convs: its length.
      norm: of embeddings, one of `NORMS`. The batch norm has statistics of each level alone.
      group_rows: of the batch norm; see `BatchNorm`.
      dtype: of the computation; embeddings are float32.
    """

    channels: int = 256
    tower_channels: int = 256
    num_convs: int = 4
    norm: str = "batch"
    group_rows: int = 0
    dtype: str = "float32"

    def setup(self):
        """Makes tower, convolution and norm."""
        if self.norm not in NORMS:
            raise ValueError(f"norm is {self.norm!r}; expected one of {NORMS}")
        self.tower = Tower(self.num_convs, self.tower_channels, self.dtype, use_bias=True)
        self.embedding = nn.Conv(self.channels, (1, 1), kernel_init=torch_uniform, dtype="float32")
        if self.norm == "batch":
            self.batch_norm = BatchNorm(self.group_rows)

    def __call__(self, pyramid: Sequence[jax.Array]) -> jax.Array:
        """Maps levels [B, h, w, C] to embeddings [B, A, channels] float32 of all their points."""
        levels = [self.embedding(self.tower(x)) for x in pyramid]
        if self.norm == "batch":
            levels = [self.batch_norm(x, training=False) for x in levels]
        return _join(levels)

    def train(self, frames: Sequence[Sequence[jax.Array]]) -> jax.Array:
        """The same in training, with the statistics of each level of each frame.

        Args:
          frames: pyramids of levels [B, h, w, C] of T frames of the same clips. Running statistics
            move level by level of the first frame, then of the next one.

        Returns:
          [T * B, A, channels] float32, frame after frame.
        """
        count = len(frames)
        levels = [jnp.concatenate(x) for x in zip(*frames, strict=True)]
        levels = [self.embedding(self.tower(x)) for x in levels]
        if self.norm == "batch":
            split = zip(*(jnp.split(x, count) for x in levels), strict=True)
            done = [[self.batch_norm(x, training=True) for x in frame] for frame in split]
            levels = [jnp.concatenate(x) for x in zip(*done, strict=True)]
        return _join(levels)


def _join(levels: Sequence[jax.Array]) -> jax.Array:
    """Levels [B, h, w, C] one after the other: [B, A, C]."""
    return jnp.concatenate([x.reshape(len(x), -1, x.shape[-1]) for x in levels], axis=1)


class IdentityClassifier(nn.Module):
    """A linear layer over embeddings of one length, only used in training.

    Attributes:
      num_identities: objects of the training data, at least 3.
    """

    num_identities: int

    @nn.compact
    def __call__(self, channels: int) -> tuple[jax.Array, jax.Array]:
        """Kernel [channels, num_identities] and bias [num_identities], which the loss applies."""
        if self.num_identities < 3:
            raise ValueError(f"num_identities is {self.num_identities}; expected at least 3")
        shape = (channels, self.num_identities)
        prior = nn.initializers.constant(-math.log((1 - PRIOR) / PRIOR))
        kernel = self.param("kernel", nn.initializers.normal(0.01), shape)
        return kernel, self.param("bias", prior, shape[1:])


def identity_logits(embeddings: jax.Array, kernel: jax.Array, bias: jax.Array) -> jax.Array:
    """Logits [..., I] of embeddings [..., E] that are brought to the length sqrt(2) log(I - 1)."""
    length = math.sqrt(2) * math.log(len(bias) - 1)
    square = jnp.sum(jnp.square(embeddings), axis=-1, keepdims=True)
    unit = embeddings * jax.lax.rsqrt(jnp.maximum(square, _SHORTEST**2))
    return jnp.einsum("...e,ei->...i", length * unit, kernel, precision="highest") + bias


def identity_loss(
    embeddings: jax.Array,
    classifier: tuple[jax.Array, jax.Array],
    identities: jax.Array,
    positive: jax.Array,
    *,
    alpha: float,
    gamma: float,
) -> Mean:
    """Focal loss over all identities, summed, averaged over positives; 0 without any.

    Args:
      embeddings: [P, E].
      classifier: kernel [E, I] and bias [I].
      identities: [P] int32 in [0, I) where positive.
      positive: [P] bool; other slots count nowhere.
      alpha: see `sigmoid_focal`.
      gamma: likewise.
    """
    kernel, bias = classifier

    def losses(items):
        own, identity = items
        ones = identity[:, None] == jnp.arange(len(bias))
        return sigmoid_focal(identity_logits(own, kernel, bias), ones, alpha, gamma).sum(-1)

    each = map_valid(losses, (embeddings, identities), positive, LOSS_CHUNK)
    return Mean(each.sum(), positive.sum())
