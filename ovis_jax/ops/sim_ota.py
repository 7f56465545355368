"""SimOTA: a few queries for each object, as many as overlap it well.

Source: Ge et al. 2021, YOLOX, section 2.2, as IDOL's published code has it for boxes that are
shares of the frame. The costs are those of IDOL whatever its losses weigh.
"""

from __future__ import annotations

from typing import NamedTuple

import flax
import jax
import jax.numpy as jnp

from ovis_jax.ops.boxes import EXCLUSIVE

FOCAL_ALPHA, FOCAL_GAMMA = 0.25, 2
CENTER_RADIUS = 2.5 / 32  # half the side of the square around an object's centre
ADDED_TO_ENCLOSING = 1e-7
_LEAST_PROB = 1e-8
_GIOU, _OFF_CENTER, _BACKGROUND, _TAKEN = 3.0, 100.0, 10000.0, 100000.0


@flax.struct.dataclass
class QueryBoxes:
    """Queries, or objects, of a frame.

    Attributes:
      boxes: [..., N, 4] as (x, y, width, height) with their centres, shares of the frame.
      corners: [..., N, 4] as (x1, y1, x2, y2), the same boxes.
    """

    boxes: jax.Array
    corners: jax.Array

    @classmethod
    def of(cls, boxes: jax.Array) -> QueryBoxes:
        """Of boxes (x, y, width, height)."""
        center, half = boxes[..., :2], 0.5 * boxes[..., 2:]
        return cls(boxes, jnp.concatenate([center - half, center + half], axis=-1))


@flax.struct.dataclass
class Assignment:
    """The queries of each object.

    Attributes:
      matched: [Q, N] bool; a query belongs to one object at most, but for the case in `sim_ota`.
      query: [N] int32, the cheapest query of each object; anything for those that do not exist.
    """

    matched: jax.Array
    query: jax.Array


class _State(NamedTuple):
    matched: jax.Array
    costs: jax.Array
    rounds: jax.Array


def sim_ota(
    probs: jax.Array,
    queries: QueryBoxes,
    labels: jax.Array,
    objects: QueryBoxes,
    valid: jax.Array,
    *,
    best: int = 10,
) -> Assignment:
    """Gives each object its cheapest queries: as many as the sum of its best overlaps, or one.

    A query that several objects want is that of its cheapest one. An object that is left without
    any takes its cheapest query among those that nobody has, as long as there are some; in the
    published code that loop may not end. If two such objects take one query, it belongs to both.

    Args:
      probs: [Q, K]; has no gradient, nor have boxes.
      queries: Q of them.
      labels: [N] int32.
      objects: N of them.
      valid: [N] bool, the objects that exist; what the others are must be finite.
      best: overlaps that are summed.
    """
    args = jax.lax.stop_gradient((probs, queries, objects))
    costs, overlaps = query_costs(args[0], args[1], labels, args[2], valid)
    costs = jnp.where(valid, costs, jnp.inf)
    best = min(best, len(costs))
    top, _ = jax.lax.top_k(overlaps.T, best)
    wanted = jnp.maximum(top.sum(-1).astype(jnp.int32), 1)
    _, cheapest = jax.lax.top_k(-costs.T, best)  # [N, best]
    chosen = (jnp.arange(best) < wanted[:, None]) & valid[:, None]
    columns = jnp.broadcast_to(jnp.arange(len(valid))[:, None], cheapest.shape)
    rows = jnp.where(chosen, cheapest, len(costs))
    matched = jnp.zeros(costs.shape, bool).at[rows, columns].set(True, mode="drop")
    contested = matched.sum(axis=1) > 1
    matched = _decide(matched, costs, contested)
    state = _repair(_State(matched, costs, jnp.int32(0)), contested, valid)
    own = jnp.where(state.matched, state.costs, jnp.inf)
    return Assignment(state.matched, own.argmin(axis=0).astype(jnp.int32))


def query_costs(
    probs: jax.Array,
    queries: QueryBoxes,
    labels: jax.Array,
    objects: QueryBoxes,
    valid: jax.Array,
) -> tuple[jax.Array, jax.Array]:
    """Costs [Q, N] of each query for each object, and their overlaps [Q, N]; see `sim_ota`."""
    ones = -jnp.log(probs + _LEAST_PROB) * (FOCAL_ALPHA * (1 - probs) ** FOCAL_GAMMA)
    zeros = -jnp.log(1 - probs + _LEAST_PROB) * ((1 - FOCAL_ALPHA) * probs**FOCAL_GAMMA)
    classes = jnp.take(ones - zeros, labels, axis=1)
    giou = EXCLUSIVE.paired_giou(
        queries.corners[:, None], objects.corners, added_to_enclosing=ADDED_TO_ENCLOSING
    )
    center = queries.boxes[:, None, :2]
    inside = (center > objects.corners[:, :2]) & (center < objects.corners[:, 2:])
    near = jnp.abs(center - objects.boxes[:, :2]) < CENTER_RADIUS
    inside, near = inside.all(-1) & valid, near.all(-1) & valid
    foreground = (inside | near).any(axis=1, keepdims=True)
    costs = classes - _GIOU * giou + _OFF_CENTER * ~(inside & near) + _BACKGROUND * ~foreground
    return costs, EXCLUSIVE.iou(queries.corners, objects.corners)


def _decide(matched: jax.Array, costs: jax.Array, contested: jax.Array) -> jax.Array:
    """The matches [Q, N], where contested queries [Q] belong to their cheapest object only."""
    cheapest = jnp.arange(costs.shape[1]) == costs.argmin(axis=1)[:, None]
    return jnp.where(contested[:, None], cheapest, matched)


def _repair(state: _State, contested: jax.Array, valid: jax.Array) -> _State:
    """Gives queries to objects without any, round by round.

    Queries that several objects want by now are decided only if they were contested at the start,
    as in the published code.
    """

    def without(state):
        return valid & ~state.matched.any(axis=0)

    def unfinished(state):
        return without(state).any() & (state.rounds < len(valid))

    def more(state):
        taken = state.matched.any(axis=1, keepdims=True)
        costs = state.costs + _TAKEN * taken
        takes = jnp.arange(len(costs))[:, None] == costs.argmin(axis=0)
        matched = state.matched | (takes & without(state))
        several = (matched.sum(axis=1) > 1).any()
        matched = jnp.where(several, _decide(matched, costs, contested), matched)
        return _State(matched, costs, state.rounds + 1)

    return jax.lax.while_loop(unfinished, more, state)
