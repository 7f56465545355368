"""Occlusion level head: RoI features to how much of an object is hidden, and what that is good for.

The paper of OVIS asks in its section 5 for methods that learn from occlusion labels. This one is
ours.
"""

import jax
import jax.numpy as jnp
import optax
from flax import linen as nn

from ovis_jax.formats.annotation_records import OCCLUSION_LEVELS
from ovis_jax.ops.means import Mean

_NAMES = tuple(level.removesuffix("_occlusion") for level in OCCLUSION_LEVELS)
_SEVERITY = (0.0, 0.5, 1.0)  # of the levels


class OcclusionLevelHead(nn.Module):
    """A hidden layer, then logits of the levels.

    It reads levels of the pyramid that are not calibrated, so that it can look at a reference frame
    as at the query.

    Attributes:
      channels: of the hidden layer.
      loss_weight: factor of its loss.
      score_factors: what scores of detections are multiplied with, by level, in the mean over the
        levels that the head expects; (1, 1, 1) leaves them alone.
      reference_sharpness: how much less a reference frame counts for an object that is hidden
        there: e to the power of minus this, times the expected severity (0, 1/2 and 1 for none,
        slight and severe). 0: all count alike.
      dtype: of the computation; logits are float32.
    """

    channels: int = 256
    loss_weight: float = 1.0
    score_factors: tuple[float, float, float] = (1.0, 1.0, 1.0)
    reference_sharpness: float = 0.0
    dtype: str = "float32"

    @nn.compact
    def __call__(self, roi_features: jax.Array) -> jax.Array:
        """Maps [..., R, S, S, C] to logits [..., R, 3] of `OCCLUSION_LEVELS`."""
        x = roi_features.reshape(*roi_features.shape[:-3], -1)
        xavier = nn.initializers.xavier_uniform()
        x = nn.relu(nn.Dense(self.channels, kernel_init=xavier, dtype=self.dtype, name="fc")(x))
        normal = nn.initializers.normal(0.01)
        last = nn.Dense(len(OCCLUSION_LEVELS), kernel_init=normal, dtype="float32", name="logits")
        return last(x)

    def loss(
        self, logits: jax.Array, levels: jax.Array, counts: jax.Array
    ) -> tuple[Mean, dict[str, Mean]]:
        """Mean cross-entropy of RoIs whose object has a label, and which share of them is right.

        Args:
          logits: [..., R, 3].
          levels: [..., R] int32, of the objects of the RoIs; negative where there is no label.
          counts: [..., R] bool: other RoIs neither count nor receive a gradient.

        Returns:
          The loss with its factor, and "occlusion_accuracy_LEVEL" of each level.
        """
        known = counts & (levels >= 0)
        logits, levels = jnp.where(known[..., None], logits, 0), jnp.where(known, levels, 0)
        loss = optax.softmax_cross_entropy_with_integer_labels(logits, levels)
        right = logits.argmax(-1) == levels
        accuracies = {}
        for number, name in enumerate(_NAMES):
            own = known & (levels == number)
            accuracies[f"occlusion_accuracy_{name}"] = Mean((right & own).sum(), own.sum())
        mean = Mean(jnp.where(known, loss, 0).sum(), known.sum())
        return mean.weighted(self.loss_weight), accuracies

    @property
    def rescores(self) -> bool:
        """Whether scores depend on it."""
        return tuple(self.score_factors) != (1.0, 1.0, 1.0)

    def rescored(self, scores: jax.Array, logits: jax.Array) -> jax.Array:
        """Scores [..., R] times their factors by logits [..., R, 3], at most 1."""
        factors = jax.nn.softmax(logits) @ jnp.array(self.score_factors, jnp.float32)
        return jnp.minimum(scores * factors, 1)

    def reference_weights(self, logits: jax.Array, weights: jax.Array) -> jax.Array:
        """[F, R], what each reference counts for each RoI; adds up to 1 over the references.

        Args:
          logits: [F, R, 3] of the RoIs in the reference frames; any where the weight is 0.
          weights: [F] of the references, which add up to 1; those of weight 0 keep it.
        """
        severity = jax.nn.softmax(logits) @ jnp.array(_SEVERITY, jnp.float32)
        exists = weights[:, None] > 0
        less = jnp.where(exists, -self.reference_sharpness * severity, -jnp.inf)
        own = weights[:, None] * jnp.exp(less - less.max(axis=0))
        return jnp.where(exists, own / own.sum(axis=0), 0)
