"""Losses of what queries say of clips. Source: VidEoMT, after Mask2Former (Cheng et al. 2022)."""

from __future__ import annotations

import dataclasses

import flax
import jax
import jax.numpy as jnp
import optax

from ovis_jax.models.clip_matching import ClipObjects, CostWeights, match_clip
from ovis_jax.models.heads.query_masks import QueryMasks
from ovis_jax.ops.means import Mean
from ovis_jax.ops.point_masks import point_losses, sample_packed, sample_points, uncertain_points


@dataclasses.dataclass(frozen=True)
class QueryLosses:
    """What counts how much.

    Attributes:
      no_object: weight of a query without object in the mean over queries.
      num_points: of a mask, at which it is compared.
      oversampling: candidates for each of them.
      uncertain_share: of the points, those where the mask is least decided.
      weights: of the losses; and of the parts of a matching's cost.
    """

    no_object: float = 0.1
    num_points: int = 12544
    oversampling: int = 3
    uncertain_share: float = 0.75
    weights: CostWeights = CostWeights()

    @property
    def num_uncertain(self) -> int:
        """Points that are chosen among the candidates."""
        return int(self.uncertain_share * self.num_points)

    def draw(self, key: jax.Array, num_frames: int, num_objects: int) -> PointDraws:
        """Points for one clip, uniform in the canvas."""
        of_matching, of_candidates, of_others = jax.random.split(key, 3)
        masks = (num_frames, num_objects)
        candidates = self.oversampling * self.num_points
        others = self.num_points - self.num_uncertain
        return PointDraws(
            matching=jax.random.uniform(of_matching, (self.num_points, 2)),
            candidates=jax.random.uniform(of_candidates, (*masks, candidates, 2)),
            others=jax.random.uniform(of_others, (*masks, others, 2)),
        )

    def __call__(
        self, predicted: QueryMasks, objects: ClipObjects, draws: PointDraws
    ) -> tuple[dict[str, Mean], jax.Array]:
        """Losses "class", "mask" and "dice" of one clip and one prediction.

        Args:
          predicted: of the frames, [T, Q, ...].
          objects: of the clip.
          draws: its points.

        Returns:
          The losses; and how many objects have found no query, [].
        """
        query, matched = match_clip(predicted, objects, draws.matching, self.weights)
        mask, dice = self._of_masks(predicted, objects, (query, matched), draws)
        losses = {"class": self._of_classes(predicted, objects, query, matched)}
        losses |= {"mask": mask, "dice": dice}
        return losses, objects.valid.sum() - matched.sum()

    def _of_classes(self, predicted, objects, query, matched) -> Mean:
        logits = predicted.class_logits
        num_frames, num_queries, no_object = *logits.shape[:2], logits.shape[-1] - 1
        row = jnp.where(matched, query, num_queries)
        targets = jnp.full(num_queries, no_object).at[row].set(objects.labels, mode="drop")
        weights = jnp.where(targets == no_object, self.no_object, 1.0)
        loss = optax.softmax_cross_entropy_with_integer_labels(
            logits, jnp.broadcast_to(targets, (num_frames, num_queries))
        )
        total = self.weights.classes * jnp.sum(weights * loss)
        return Mean(total, num_frames * weights.sum())

    def _of_masks(self, predicted, objects, pairs, draws) -> tuple[Mean, Mean]:
        query, matched = pairs
        logits = predicted.mask_logits[:, query]  # [T, M, h, w]
        logits = jnp.where(matched[:, None, None], logits, 0)
        points = uncertain_points(logits, draws.candidates, draws.others, self.num_uncertain)
        targets = sample_packed(objects.masks, points)
        entropy, dice = point_losses(sample_points(logits, points), targets)
        count = len(logits) * matched.sum()
        return (
            Mean(self.weights.mask * jnp.sum(entropy, where=matched), count),
            Mean(self.weights.dice * jnp.sum(dice, where=matched), count),
        )


@flax.struct.dataclass
class PointDraws:
    """Points of a clip, (0, 0) to (1, 1) over the canvas.

    Attributes:
      matching: [P, 2], at which all masks and objects are compared.
      candidates: [T, M, C, 2], of each object's mask.
      others: [T, M, O, 2], likewise.
    """

    matching: jax.Array
    candidates: jax.Array
    others: jax.Array
