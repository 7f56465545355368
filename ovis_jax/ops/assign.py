"""Which boxes should find which annotated object, and which of them enter a loss."""

import dataclasses

import flax
import jax
import jax.numpy as jnp

from ovis_jax.ops.boxes import INCLUSIVE, BoxConvention
from ovis_jax.ops.points import distances_to_sides


@flax.struct.dataclass
class Assignment:
    """What each box (anchor or proposal) stands for; neither positive nor negative: ignored.

    Attributes:
      positive: [A] bool, the box belongs to an object.
      negative: [A] bool, the box is background.
      index: [A] int32, the object of a positive box; some number in [0, N) elsewhere.
    """

    positive: jax.Array
    negative: jax.Array
    index: jax.Array


@dataclasses.dataclass(frozen=True)
class IouThresholds:
    """Overlaps that decide what a box stands for; see `assign_by_iou`.

    Attributes:
      positive: a box that overlaps an object so much belongs to it.
      negative: a box that overlaps no object so much is background; at most `positive`.
      claim: an object that is overlapped so much claims the boxes that overlap it most.
    """

    positive: float
    negative: float
    claim: float


def assign_by_iou(
    boxes: jax.Array,
    box_valid: jax.Array,
    targets: jax.Array,
    target_valid: jax.Array,
    *,
    thresholds: IouThresholds,
    convention: BoxConvention,
) -> Assignment:
    """Assigns boxes to objects by overlap, as mmdetection 0.x does.

    A box belongs to the object that it overlaps most (the first of equals) if that IoU reaches
    `thresholds.positive`, and is background if it is below `thresholds.negative`. Besides, every
    object whose best IoU reaches `thresholds.claim` claims all boxes with exactly this IoU; of
    several claims on a box the last object's counts, and a claim outweighs the first rule. Without
    any valid object all valid boxes are background.

    Args:
      boxes: [A, 4].
      box_valid: [A] bool; other boxes are ignored.
      targets: [N, 4], boxes of the objects.
      target_valid: [N] bool.
      thresholds: see above.
      convention: what the corners of boxes mean.
    """
    # Not of cleaned boxes: [A, 4] in place of four columns is 32 times as large on TPUs.
    iou = convention.iou(targets, boxes)  # [N, A]
    iou = jnp.where(target_valid[:, None] & box_valid, iou, -1)
    # Both rules compare for equality and must see the same rounding, so it is computed once.
    iou = jax.lax.optimization_barrier(iou)
    best, own_best = iou.max(axis=0), iou.max(axis=1, keepdims=True)
    claims = target_valid[:, None] & box_valid & (iou == own_best) & (own_best >= thresholds.claim)
    # Reductions of numbers: an argmax over the first axis is several times slower on CPUs.
    number = jnp.arange(len(targets), dtype=jnp.int32)[:, None]
    first = jnp.min(jnp.where(iou == best, number, len(targets) - 1), axis=0)
    last_claim = jnp.max(jnp.where(claims, number, -1), axis=0)
    claimed = last_claim >= 0
    positive = box_valid & (claimed | (best >= thresholds.positive))
    return Assignment(
        positive=positive,
        negative=box_valid & ~positive & (best < thresholds.negative),
        index=jnp.where(claimed, last_claim, first),
    )


def assign_points(
    points: jax.Array,
    radius: jax.Array,
    ranges: jax.Array,
    targets: jax.Array,
    target_valid: jax.Array,
    *,
    centers: jax.Array | None = None,
    convention: BoxConvention = INCLUSIVE,
) -> Assignment:
    """Assigns points to the smallest object around whose centre they lie, others to background.

    A point may stand for an object if it lies inside the object's box, strictly within `radius` of
    the object's centre along both axes, and if its largest distance to a side of the box is in the
    point's range. Of equally small objects the first counts. Source: FCOS, section 3.2, with the
    centre sampling of its improved version.

    Args:
      points: [A, 2] as (x, y).
      radius: [A], pixels.
      ranges: [A, 2], smallest and largest permitted distance, both permitted.
      targets: [N, 4], boxes of the objects.
      target_valid: [N] bool.
      centers: [N, 2] of the objects, such as the centroids of their masks; None: of their boxes.
      convention: what the corners of boxes mean for the size of an object.
    """
    targets = jnp.where(target_valid[:, None], targets, 0)
    if centers is None:
        centers = (targets[:, :2] + targets[:, 2:]) / 2
    else:
        centers = jnp.where(target_valid[:, None], centers, 0)
    low = jnp.maximum(centers[:, None] - radius[:, None], targets[:, None, :2])  # [N, A, 2]
    high = jnp.minimum(centers[:, None] + radius[:, None], targets[:, None, 2:])
    inside = jnp.all((points > low) & (points < high), axis=-1)
    longest = distances_to_sides(points, targets[:, None]).max(axis=-1)
    fits = (longest >= ranges[:, 0]) & (longest <= ranges[:, 1])
    area = convention.areas(targets)[:, None]
    area = jnp.where(inside & fits & target_valid[:, None], area, jnp.inf)
    smallest = area.min(axis=0)
    positive = jnp.isfinite(smallest)
    number = jnp.arange(len(targets), dtype=jnp.int32)[:, None]
    index = jnp.min(jnp.where(area == smallest, number, len(targets) - 1), axis=0)
    return Assignment(positive=positive, negative=~positive, index=index)


def sample(
    key: jax.Array, positive: jax.Array, negative: jax.Array, num: int, max_positive: int
) -> tuple[jax.Array, jax.Array]:
    """Draws boxes at random without replacement.

    Args:
      key: PRNG key.
      positive: [A] bool, candidates.
      negative: [A] bool, candidates; no box is both.
      num: boxes to draw; fewer if there are not enough candidates.
      max_positive: at most so many are positive; negatives fill the rest.

    Returns:
      Masks [A] of the drawn positives and negatives.
    """
    drawn = draw(key, positive, negative, num, max_positive)
    nothing = jnp.zeros_like(positive)
    return tuple(
        nothing.at[index].set(taken, unique_indices=True)
        for index, taken in (drawn.positive, drawn.negative)
    )


@flax.struct.dataclass
class Drawn:
    """Numbers of drawn boxes, in an order that means nothing.

    Attributes:
      positive: [P] int32 numbers, each another one, and [P] bool, which of them were drawn.
      negative: [S] int32 and [S] bool, likewise.
    """

    positive: tuple[jax.Array, jax.Array]
    negative: tuple[jax.Array, jax.Array]


def draw(
    key: jax.Array, positive: jax.Array, negative: jax.Array, num: int, max_positive: int
) -> Drawn:
    """The boxes of `sample`, of the same arguments, by their numbers."""
    priority = jax.random.uniform(key, positive.shape)
    drawn = _highest(priority, positive, max_positive, max_positive)
    return Drawn(drawn, _highest(priority, negative, num, num - drawn[1].sum()))


def _highest(
    priority: jax.Array, candidates: jax.Array, capacity: int, count: int | jax.Array
) -> tuple[jax.Array, jax.Array]:
    """The `count` (at most `capacity`) candidates of highest priority in [0, 1), if there are."""
    capacity = min(capacity, len(priority))
    found, index = jax.lax.top_k(jnp.where(candidates, priority, -1.0), capacity)
    return index, (found >= 0) & (jnp.arange(capacity) < count)
