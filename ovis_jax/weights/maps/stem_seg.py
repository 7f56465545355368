"""Names of the published STEm-Seg (key `model` of its files).

Exact: this package computes what the code computes with these tensors. Their input is BGR; the
first convolution is turned to RGB. `time_scale` and `free_dim_bandwidths` stand in the files, but
are constants.
"""

import numpy as np

from ovis_jax.models.heads.cluster_embedding import FREE_DEVIATION
from ovis_jax.weights.layouts import bgr_convolution, convolution, convolution_3d, pointwise_3d
from ovis_jax.weights.maps.parts import (
    ModelSettings,
    affine,
    conv_batch_norm,
    resnet_depth,
    resnet_model,
    resnet_stages,
)
from ovis_jax.weights.rules import NameMap, Rule

STD = (1.0, 1.0, 1.0)  # frames are not divided
# Constants that stand in the files and are none of our variables.
UNREAD = {
    "embedding_head.time_scale": np.float32(1),
    "embedding_loss_criterion.free_dim_bandwidths": np.full(2, 1 / FREE_DEVIATION**2, np.float32),
}
BODY = "backbone.body."
LEVELS = range(1, 5)  # of their pyramid; ours are counted from 2 on
# Blocks of a decoder: stride, and how many convolutions it has; four modules each.
BLOCKS = ((32, 3), (16, 2), (8, 1), (4, 1))
HEADS = {"embedding_head": "embedding", "semseg_head": "semantic"}
CONFIG = "stem_seg_r101_ytvis2019"
VARIANTS = {f"a ResNet of depth {depth}": resnet_model(depth) for depth in (50, 101)}


def name_map(model: ModelSettings) -> NameMap:
    """The whole file."""
    return NameMap(rules(resnet_depth(model)), unused=tuple(UNREAD), constants=UNREAD)


def rules(depth: int) -> dict[str, Rule]:
    """Every tensor that something reads, by its PyTorch name."""
    stem = f"{BODY}stem"
    table = conv_batch_norm(
        f"{stem}.conv1", f"{stem}.bn1", "backbone/stem", bgr_convolution(STD)
    ) | resnet_stages(BODY, depth)
    for level in LEVELS:
        for theirs, ours in (("inner", "lateral"), ("layer", "output")):
            name = f"backbone.fpn.fpn_{theirs}{level}"
            table |= affine(name, f"neck/{ours}{level + 1}/conv", convolution)
    for theirs, ours in HEADS.items():
        table |= _decoder(theirs, f"{ours}/decoder")
    return (
        table
        | _outputs("embedding_head.conv_embedding", "embedding/embedding")
        | affine("embedding_head.conv_variance", "embedding/variance", pointwise_3d)
        | _outputs("embedding_head.conv_seediness", "embedding/seediness")
        | _outputs("semseg_head.conv_out", "semantic/logits")
    )


def _decoder(theirs: str, ours: str) -> dict[str, Rule]:
    table = {}
    for stride, count in BLOCKS:
        for i in range(count):
            block, own = f"{theirs}.block_{stride}x", f"{ours}/block{stride}_{i}"
            table |= affine(f"{block}.{4 * i}", f"{own}/conv", convolution_3d)
            table |= {
                f"{block}.{4 * i + 1}.weight": Rule(f"params/{own}/norm/scale"),
                f"{block}.{4 * i + 1}.bias": Rule(f"params/{own}/norm/bias"),
            }
        if stride < 32:
            table |= _outputs(f"{theirs}.conv_{stride}", f"{ours}/join{stride}")
    return table


def _outputs(theirs: str, ours: str) -> dict[str, Rule]:
    """A 1x1x1 convolution without bias."""
    return {f"{theirs}.weight": Rule(f"params/{ours}/kernel", pointwise_3d)}
