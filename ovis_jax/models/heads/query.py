"""Query heads: learned queries, and the stages that refine them to classes and boxes.

Source: Sparse R-CNN and QueryInst, with the order of events and the numbers of their code.
"""

import math

import flax
import jax
import jax.numpy as jnp
from flax import linen as nn

from ovis_jax.models.attention import SelfAttention
from ovis_jax.models.dynamic_conv import DynamicConv
from ovis_jax.models.layers import layer_norm
from ovis_jax.ops.bipartite import assign
from ovis_jax.ops.boxes import EXCLUSIVE, corner_factors
from ovis_jax.ops.losses import sigmoid_focal
from ovis_jax.structures import BoxDetections, Instances

DELTA_STDS = (0.5, 0.5, 1.0, 1.0)
FOCAL_ALPHA, FOCAL_GAMMA = 0.25, 2.0
PRIOR = 0.01  # probability of a class at the start
_LEAST_PROB = 1e-12  # of the focal cost
xavier = nn.initializers.xavier_uniform()


class LearnedQueries(nn.Module):
    """Boxes and features that every frame starts from.

    Attributes:
      num_queries: how many.
      channels: of a feature.
    """

    num_queries: int = 100
    channels: int = 256

    @nn.compact
    def __call__(self, image_size: jax.Array) -> tuple[jax.Array, jax.Array]:
        """Boxes [B, Q, 4], pixels of frames of sizes [B, 2] (height, width), features [B, Q, C].

        The parameter `boxes` holds centre and size (x, y, width, height) as shares of the frame; it
        begins with the whole frame.
        """
        whole = nn.initializers.constant(jnp.array([0.5, 0.5, 1, 1]))
        shares = self.param("boxes", whole, (self.num_queries, 4))
        features = self.param(
            "features", nn.initializers.normal(1.0), (self.num_queries, self.channels)
        )
        center, half = shares[:, :2], shares[:, 2:] / 2
        corners = jnp.concatenate([center - half, center + half], axis=-1)
        boxes = corners * _side_factors(image_size)[:, None]
        return boxes, jnp.broadcast_to(features, (len(boxes), *features.shape))


@flax.struct.dataclass
class QueryOutputs:
    """The queries of a frame after a stage.

    Attributes:
      rois: [..., Q, 4], boxes that the stage has read, pixels of the resized frame.
      attended: [..., Q, C], queries after attention, which also make the masks.
      features: [..., Q, C], the queries of the next stage.
      logits: [..., Q, K].
      deltas: [..., Q, 4].
    """

    rois: jax.Array
    attended: jax.Array
    features: jax.Array
    logits: jax.Array
    deltas: jax.Array

    @property
    def boxes(self) -> jax.Array:
        """[..., Q, 4], refined boxes, pixels of the resized frame; they may leave it."""
        return EXCLUSIVE.decode(self.rois, self.deltas, stds=DELTA_STDS)


class QueryStage(nn.Module):
    """One stage: attention, dynamic convolution, a feed-forward layer, classes and boxes.

    Attributes:
      num_classes: without background.
      num_heads: of the attention.
      hidden: channels inside of the dynamic convolution.
      feedforward: channels of the hidden layer.
      class_layers: layers before the class logits.
      box_layers: layers before the deltas.
      dtype: of the computation; logits and deltas are float32.
    """

    num_classes: int
    num_heads: int = 8
    hidden: int = 64
    feedforward: int = 2048
    class_layers: int = 1
    box_layers: int = 3
    dtype: str = "float32"

    @nn.compact
    def __call__(self, queries: jax.Array, rois: jax.Array, roi_features: jax.Array):
        """Maps queries [..., Q, C], RoIs [..., Q, 4] and their features to `QueryOutputs`.

        RoI features are [..., Q, S, S, C].
        """
        queries = SelfAttention(self.num_heads, self.dtype, name="attention")(queries)
        attended = layer_norm(self.dtype, name="attention_norm")(queries)
        x = DynamicConv(self.hidden, self.dtype, name="interaction")(attended, roi_features)
        x = self._dense(queries.shape[-1], "interaction_fc")(x.reshape(*x.shape[:-3], -1))
        x = attended + nn.relu(layer_norm(self.dtype, name="interaction_fc_norm")(x))
        x = layer_norm(self.dtype, name="interaction_norm")(x)
        hidden = nn.relu(self._dense(self.feedforward, "feedforward0")(x))
        x = x + self._dense(queries.shape[-1], "feedforward1")(hidden)
        features = layer_norm(self.dtype, name="feedforward_norm")(x)
        prior = nn.initializers.constant(-math.log((1 - PRIOR) / PRIOR))
        logits = nn.Dense(
            self.num_classes, kernel_init=xavier, bias_init=prior, dtype="float32", name="logits"
        )
        deltas = nn.Dense(4, kernel_init=xavier, dtype="float32", name="deltas")
        return QueryOutputs(
            rois=rois,
            attended=attended,
            features=features,
            logits=logits(self._tower(features, self.class_layers, "class")),
            deltas=deltas(self._tower(features, self.box_layers, "box")),
        )

    def _tower(self, x: jax.Array, layers: int, name: str) -> jax.Array:
        """Linear layers without bias, each with a norm and ReLU."""
        for i in range(layers):
            x = self._dense(x.shape[-1], f"{name}_fc{i}", use_bias=False)(x)
            x = nn.relu(layer_norm(self.dtype, name=f"{name}_norm{i}")(x))
        return x

    def _dense(self, features: int, name: str, use_bias: bool = True) -> nn.Dense:
        return nn.Dense(
            features, use_bias=use_bias, kernel_init=xavier, dtype=self.dtype, name=name
        )


@flax.struct.dataclass
class QueryWeights:
    """Weights of classes, box distances and GIoU in assignment and losses, of masks in these."""

    classes: float = 2.0
    box: float = 5.0
    giou: float = 2.0
    mask: float = 8.0


@flax.struct.dataclass
class QueryTargets:
    """The query that stands for each object of a frame.

    Attributes:
      query: [..., N] int32, its number; 0 where there is none.
      positive: [..., N] bool: the object exists and has a query.
    """

    query: jax.Array
    positive: jax.Array


def query_targets(
    logits: jax.Array,
    boxes: jax.Array,
    instances: Instances,
    image_size: jax.Array,
    weights: QueryWeights,
) -> QueryTargets:
    """Assigns the objects of a frame to queries, one to one, at the least total cost.

    Args:
      logits: [Q, K].
      boxes: [Q, 4], refined, pixels of the resized frame.
      instances: [N, ...] of the frame, without NaN in invalid slots. With more objects than
        queries some have none.
      image_size: [2], (height, width).
      weights: of the parts of the cost.
    """
    parts = assignment_costs(logits, boxes, instances, image_size)
    total = weights.classes * parts[0] + weights.box * parts[1] + weights.giou * parts[2]
    return QueryTargets(*assign(total, instances.valid))


def assignment_costs(
    logits: jax.Array, boxes: jax.Array, instances: Instances, image_size: jax.Array
) -> tuple[jax.Array, jax.Array, jax.Array]:
    """Costs [Q, N] of class (focal), corners (shares of the frame) and GIoU, not weighted.

    See `query_targets`.
    """
    probs = jax.nn.sigmoid(logits)
    ones = -jnp.log(probs + _LEAST_PROB) * FOCAL_ALPHA * (1 - probs) ** FOCAL_GAMMA
    zeros = -jnp.log(1 - probs + _LEAST_PROB) * (1 - FOCAL_ALPHA) * probs**FOCAL_GAMMA
    classes = jnp.take(ones - zeros, instances.labels, axis=1)
    factors = _side_factors(image_size)
    shares, own = boxes / factors, instances.boxes / factors
    distances = jnp.abs(shares[:, None] - own).sum(-1)
    return classes, distances, -EXCLUSIVE.paired_giou(boxes[:, None], instances.boxes)


def query_losses(
    logits: jax.Array,
    boxes: jax.Array,
    targets: QueryTargets,
    instances: Instances,
    image_size: jax.Array,
) -> tuple[jax.Array, jax.Array, jax.Array]:
    """Sums of the losses of a frame and stage: classes, corners, GIoU; not weighted.

    Args:
      logits: [Q, K]; a query without an object belongs to no class.
      boxes: [Q, 4], refined.
      targets: [N] of the frame.
      instances: [N, ...], without NaN in invalid slots.
      image_size: [2], (height, width).
    """
    positive = targets.positive
    row = jnp.where(positive, targets.query, len(logits))  # out of range: not written
    ones = jnp.zeros(logits.shape, bool).at[row, instances.labels].set(True, mode="drop")
    classes = sigmoid_focal(logits, ones, FOCAL_ALPHA, FOCAL_GAMMA).sum()
    own = jnp.where(positive[:, None], boxes[targets.query], instances.boxes)
    distances = jnp.abs(own - instances.boxes) / _side_factors(image_size)
    giou = 1 - EXCLUSIVE.paired_giou(own, instances.boxes)
    return classes, distances.sum(), jnp.sum(giou, where=positive)


def decode_queries(
    logits: jax.Array,
    boxes: jax.Array,
    scale: jax.Array,
    *,
    score_threshold: float,
    capacity: int,
    single_label: bool,
) -> BoxDetections:
    """The best pairs of query and class of a frame; nothing is suppressed.

    Args:
      logits: [Q, K].
      boxes: [Q, 4], refined, pixels of the resized frame.
      scale: [2] or [], resized pixels per original pixel in x and in y, or in both.
      score_threshold: a detection has at least this score.
      capacity: D.
      single_label: a query has its best class alone; else it may come once for each class, as in
        the published image model.

    Returns:
      [D, ...] by score, of equals the first query; their source is the query.
    """
    num_classes = logits.shape[-1]
    probs = jax.nn.sigmoid(logits)
    above = probs >= score_threshold
    if single_label:
        above &= jnp.arange(num_classes) == jnp.argmax(logits, axis=-1)[:, None]
    flat = jnp.where(above, probs, -1).reshape(-1)
    scores, pair = jax.lax.top_k(flat, min(capacity, len(flat)))
    scores = jnp.pad(scores, (0, capacity - len(scores)), constant_values=-1)
    pair = jnp.pad(pair, (0, capacity - len(pair)))
    query = pair // num_classes
    return BoxDetections(
        boxes=boxes[query] / corner_factors(scale),
        scores=jnp.maximum(scores, 0),
        labels=(pair % num_classes).astype(jnp.int32),
        source=query.astype(jnp.int32),
        valid=scores >= 0,
        overflow=jnp.maximum(jnp.sum(above, dtype=jnp.int32) - capacity, 0),
    )


def _side_factors(image_size: jax.Array) -> jax.Array:
    """(width, height, width, height) [..., 4] of sizes [..., 2] as (height, width)."""
    size = jnp.asarray(image_size, jnp.float32)
    return jnp.concatenate([size[..., ::-1]] * 2, axis=-1)
