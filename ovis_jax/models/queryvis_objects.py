"""What QueryVIS learns from frames: which query stands for each object, and what it should say.

S stages, B frames, N instances, Q queries. Source: QueryInst and its published code.
"""

from collections.abc import Sequence

import flax
import jax
import jax.numpy as jnp

from ovis_jax.models.heads import query as query_head
from ovis_jax.models.heads import query_mask as mask_head
from ovis_jax.models.heads.query import QueryOutputs, QueryTargets, QueryWeights
from ovis_jax.structures import Instances


@flax.struct.dataclass
class ImageLosses:
    """What B frames teach, and what it is made of.

    Attributes:
      sums: [S] by name, weighted; each is divided by the objects that have a query.
      targets: [S, B, N].
      items: of each stage, the queries [B, N, ...] of the objects.
      masks: of each stage, their logits [B, N, M, M, K].
    """

    sums: dict[str, jax.Array]
    targets: QueryTargets
    items: tuple[QueryOutputs, ...]
    masks: tuple[jax.Array, ...]


def cleaned(instances: Instances) -> Instances:
    """The same with zeros in invalid slots, all but masks."""
    valid = instances.valid
    return instances.replace(
        boxes=jnp.where(valid[..., None], instances.boxes, 0),
        labels=jnp.where(valid, instances.labels, 0),
    )


def assign_stages(
    outputs: Sequence[QueryOutputs],
    instances: Instances,
    image_size: jax.Array,
    weights: QueryWeights,
) -> QueryTargets:
    """Targets [S, B, N] of all stages for instances [B, N, ...] of `cleaned`."""

    def of_frame(logits, boxes, own, size):
        return query_head.query_targets(logits, boxes, own, size, weights)

    of_stage = jax.vmap(of_frame)
    return jax.vmap(of_stage, in_axes=(0, 0, None, None))(*_stacked(outputs), instances, image_size)


def queries_of_objects(
    outputs: Sequence[QueryOutputs], targets: QueryTargets
) -> tuple[QueryOutputs, ...]:
    """Of each stage, the queries [B, N, ...] of the objects among all queries [B, Q, ...]."""

    def of_stage(own, rows):
        return jax.tree.map(lambda x: jnp.take_along_axis(x, rows[..., None], axis=1), own)

    return tuple(of_stage(own, rows) for own, rows in zip(outputs, targets.query, strict=True))


def box_sums(
    outputs: Sequence[QueryOutputs],
    targets: QueryTargets,
    instances: Instances,
    image_size: jax.Array,
    weights: QueryWeights,
) -> dict[str, jax.Array]:
    """Sums [S] of the losses of classes, corners and GIoU, weighted."""
    of_stage = jax.vmap(query_head.query_losses)
    sums = jax.vmap(of_stage, in_axes=(0, 0, 0, None, None))(
        *_stacked(outputs), targets, instances, image_size
    )
    factors = (weights.classes, weights.box, weights.giou)
    weighted = [factor * own.sum(-1) for factor, own in zip(factors, sums, strict=True)]
    return dict(zip(("class", "box", "giou"), weighted, strict=True))


def mask_sums(
    masks: Sequence[jax.Array],
    items: Sequence[QueryOutputs],
    targets: QueryTargets,
    instances: Instances,
    image_size: jax.Array,
) -> jax.Array:
    """Sums [S] of the losses of the masks [B, N, M, M, K] of each stage, not weighted."""
    boxes = jax.lax.stop_gradient(jnp.stack([x.boxes for x in items], axis=1))
    size = masks[0].shape[-2]
    wanted = jax.lax.map(
        lambda row: mask_head.mask_targets(*row, size), (instances.masks, boxes, image_size)
    )
    sums = [
        mask_head.mask_losses(own, wanted[:, stage], instances.labels, targets.positive[stage])
        for stage, own in enumerate(masks)
    ]
    return jnp.stack(sums)


def _stacked(outputs: Sequence[QueryOutputs]) -> tuple[jax.Array, jax.Array]:
    """Logits [S, B, Q, K] and refined boxes [S, B, Q, 4] of all stages."""
    return jnp.stack([x.logits for x in outputs]), jnp.stack([x.boxes for x in outputs])
