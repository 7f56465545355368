"""Names of Xception-65 and DeepLabv3+ in checkpoints of TensorFlow, as published with DeepLab.

Kernels are in this package's layout already, but for those of depthwise convolutions.
"""

import types
from collections.abc import Mapping

from ovis_jax.formats.errors import InputError
from ovis_jax.models.backbones.xception import BLOCKS, Xception
from ovis_jax.weights.layouts import Layout, depthwise_last, same
from ovis_jax.weights.maps.parts import ModelSettings
from ovis_jax.weights.rules import Rule

CONFIG = "feelvos_xception65_ovis"
PREFIX = "xception_65"
BLOCK_NAMES = {
    # ours: theirs
    "entry_block1": "entry_flow/block1",
    "entry_block2": "entry_flow/block2",
    "entry_block3": "entry_flow/block3",
    "middle": "middle_flow/block1",
    "exit_block1": "exit_flow/block1",
    "exit_block2": "exit_flow/block2",
}
CONVOLUTIONS = {
    "image_pooling": "pooling",
    "aspp0": "aspp0",
    "concat_projection": "projection",
    "decoder/feature_projection0": "low",
}
SEPARABLE = {f"aspp{i}": f"aspp{i}" for i in (1, 2, 3)} | {
    f"decoder/decoder_conv{i}": f"decoder{i}" for i in range(2)
}
STATISTICS = {
    # theirs: collection, ours
    "gamma": ("params", "scale"),
    "beta": ("params", "bias"),
    "moving_mean": ("batch_stats", "mean"),
    "moving_variance": ("batch_stats", "var"),
}
# What training leaves beside the weights.
TRAINING = (
    "global_step",
    "*/Momentum",
    "*/Adam",
    "*/Adam_1",
    "*/ExponentialMovingAverage",
    "beta1_power",
    "beta2_power",
)
VARIANTS: Mapping[str, ModelSettings] = {
    "DeepLabv3+ on Xception-65": types.SimpleNamespace(
        features="deeplab",
        deeplab=types.SimpleNamespace(middle_units=Xception.middle_units),
        propagation=types.SimpleNamespace(num_convs=4),
    )
}


def deeplab_rules(model: ModelSettings) -> dict[str, Rule]:
    """Every tensor of backbone, pooling and decoder.

    Raises:
      InputError: the model has no such network.
    """
    features = getattr(model, "features", None)
    if features != "deeplab":
        raise InputError(f"config.model.features: {features!r}, expected 'deeplab'")
    table = {}
    for i in (1, 2):
        table |= convolution(f"{PREFIX}/entry_flow/conv1_{i}", f"xception/stem{i}")
    for block in BLOCKS:
        for i in range(block.units or model.deeplab.middle_units):
            theirs = f"{PREFIX}/{BLOCK_NAMES[block.name]}/unit_{i + 1}/xception_module"
            ours = f"xception/{block.name}_{i}"
            for j in (1, 2, 3):
                table |= separable(f"{theirs}/separable_conv{j}", f"{ours}/conv{j}")
            if block.shortcut == "conv":
                table |= convolution(f"{theirs}/shortcut", f"{ours}/shortcut")
    for theirs, ours in CONVOLUTIONS.items():
        table |= convolution(theirs, f"deeplab/{ours}")
    for theirs, ours in SEPARABLE.items():
        table |= separable(theirs, f"deeplab/{ours}")
    return table


def separable(theirs: str, ours: str) -> dict[str, Rule]:
    """A depthwise and a pointwise convolution with their norms."""
    depthwise = convolution(
        f"{theirs}_depthwise", f"{ours}/depthwise", "depthwise_weights", depthwise_last
    )
    return depthwise | convolution(f"{theirs}_pointwise", f"{ours}/pointwise")


def convolution(
    theirs: str, ours: str, weights: str = "weights", layout: Layout = same
) -> dict[str, Rule]:
    """A convolution with its norm."""
    table = {f"{theirs}/{weights}": Rule(f"params/{ours}/conv/kernel", layout)}
    for name, (collection, own) in STATISTICS.items():
        table[f"{theirs}/BatchNorm/{name}"] = Rule(f"{collection}/{ours}/norm/{own}")
    return table
