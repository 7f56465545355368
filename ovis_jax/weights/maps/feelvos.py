"""Names of the published FEELVOS: checkpoints of TensorFlow (`feelvos_davis17_*`).

They hold what propagates masks, and no detector, which is newly initialised. One convolution reads
features and what is known of an object; here these are two, so that objects share the first: its
tensors are divided. No published file was at hand when this was written; names and shapes are those
that the published code makes.
"""

from ovis_jax.models.heads.propagation import CUES
from ovis_jax.weights.layouts import Layout, depthwise_last, pointwise_last
from ovis_jax.weights.maps import deeplab
from ovis_jax.weights.maps.parts import ModelSettings
from ovis_jax.weights.rules import NameMap, Rule
from ovis_jax.weights.splits import Split

CONFIG, VARIANTS = deeplab.CONFIG, deeplab.VARIANTS
DETECTOR = ("backbone", "neck", "rpn", "box", "mask", "track")
FIRST = "embedding_seg/split_separable_conv2d_0"
PARTS = ("features", "cues")  # the order of the channels
DIVIDED = {
    # tensor of the first convolution: axis of its input
    "depthwise/depthwise_weights": 2,
    "depthwise/biases": 0,
    "pointwise/weights": 2,
}


def name_map(model: ModelSettings) -> NameMap:
    """The whole file; the detector is newly initialised."""
    table = deeplab.deeplab_rules(model) | _embedding() | _propagation(model.propagation.num_convs)
    splits = tuple(
        Split(
            f"^({FIRST}_{name})$",
            tuple(rf"\1/{part}" for part in PARTS),
            axis,
            sizes=(-1, CUES),
        )
        for name, axis in DIVIDED.items()
    )
    return NameMap(table, unused=deeplab.TRAINING, fresh=DETECTOR, splits=splits)


def _embedding() -> dict[str, Rule]:
    return _separable("embedding/split_separable_conv2d", "embedding/conv")


def _propagation(num_convs: int) -> dict[str, Rule]:
    table = {}
    for part in PARTS:
        ours = f"params/propagation/{part}"
        table |= {
            f"{FIRST}_depthwise/depthwise_weights/{part}": Rule(
                f"{ours}_depthwise/kernel", depthwise_last
            ),
            f"{FIRST}_depthwise/biases/{part}": Rule(f"{ours}_depthwise/bias"),
            f"{FIRST}_pointwise/weights/{part}": Rule(f"{ours}_pointwise/kernel", pointwise_last),
        }
    table[f"{FIRST}_pointwise/biases"] = Rule("params/propagation/features_pointwise/bias")
    for i in range(1, num_convs):
        theirs = f"embedding_seg/split_separable_conv2d_{i}"
        table |= _separable(theirs, f"propagation/conv{i}")
    return table | _affine("logits/semantic", "propagation/logits", "weights", pointwise_last)


def _separable(theirs: str, ours: str) -> dict[str, Rule]:
    """A depthwise and a pointwise convolution, each with a bias."""
    return _affine(
        f"{theirs}_depthwise", f"{ours}/depthwise", "depthwise_weights", depthwise_last
    ) | _affine(f"{theirs}_pointwise", f"{ours}/pointwise", "weights", pointwise_last)


def _affine(theirs: str, ours: str, weights: str, layout: Layout) -> dict[str, Rule]:
    return {
        f"{theirs}/{weights}": Rule(f"params/{ours}/kernel", layout),
        f"{theirs}/biases": Rule(f"params/{ours}/bias"),
    }
