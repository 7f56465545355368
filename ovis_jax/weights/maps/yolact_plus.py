"""Names of YOLACT++, trained on COCO, with which the published STMask begins.

Its anchors are others, so that backbone, neck, prototypes and the convolution below the towers are
all that fits. With ResNet-50 every block of its later stages is deformable: where a block of STMask
is not, the kernel stays and what reads its offsets is left out, as in the published code. The names
are those of that project; no such file was at hand when this was written.
"""

from ovis_jax.weights.maps import stmask
from ovis_jax.weights.maps.parts import COUNTERS, ModelSettings
from ovis_jax.weights.rules import NameMap

CONFIG = stmask.CONFIG
VARIANTS = {
    name: model
    for name, model in stmask.VARIANTS.items()
    if model.anchors.class_alignment == "none"
}
PREDICTORS = tuple(f"{stmask.HEAD}.{name}_layer.*" for name in ("bbox", "conf", "mask"))
OFFSETS = ("backbone.layers.*.conv2.bias", "backbone.layers.*.conv2.conv_offset_mask.*")
# The same backbone under older names, as it stands in some files beside the newer ones.
COPIES = tuple(f"backbone.layer{stage}.*" for stage in range(1, 5))
IN_TRAINING = ("semantic_seg_conv.*", "maskiou_net.*")
HEAD = (
    *(f"anchors/{tower}_tower_{i}" for tower in stmask.TOWERS.values() for i in range(2)),
    *(f"anchors/{name}_{i}" for name in stmask.PREDICTORS.values() for i in stmask.SHAPES),
    *(f"anchors/align_{i}" for i in stmask.SHAPES),
    "shift",
)


def name_map(model: ModelSettings) -> NameMap:
    """What fits; what reads the neck, and what moves objects, is newly initialised."""
    rules, _ = stmask.split_rules(model, HEAD)
    unused = (COUNTERS, *PREDICTORS, *OFFSETS, *COPIES, *IN_TRAINING)
    return NameMap(rules, unused=unused, fresh=HEAD)
