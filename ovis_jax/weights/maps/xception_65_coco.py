"""Names of DeepLabv3+ on Xception-65, trained on COCO, with which the published FEELVOS began.

A checkpoint of TensorFlow (`xception_65_coco_pretrained`): backbone, pooling, decoder. Its logits
are those of classes of pixels, and left out; everything else is newly initialised. The names are
those that the published code makes; no such file was at hand when this was written.
"""

from ovis_jax.weights.maps import deeplab, feelvos
from ovis_jax.weights.maps.parts import ModelSettings
from ovis_jax.weights.rules import NameMap

CONFIG, VARIANTS = deeplab.CONFIG, deeplab.VARIANTS
CLASSES = "logits/*"


def name_map(model: ModelSettings) -> NameMap:
    """The network that features of pixels come from."""
    return NameMap(
        deeplab.deeplab_rules(model),
        unused=(*deeplab.TRAINING, CLASSES),
        fresh=(*feelvos.DETECTOR, "embedding", "propagation"),
    )
