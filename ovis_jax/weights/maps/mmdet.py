"""Names of the Mask R-CNN of mmdetection, on which other published models are built."""

from ovis_jax.weights.layouts import linear, roi_linear
from ovis_jax.weights.maps.mask_rcnn import BOX_SIZE, MaskRCNNNames
from ovis_jax.weights.maps.parts import affine, resnet
from ovis_jax.weights.rules import Rule


def names(heads: str = "") -> MaskRCNNNames:
    """Layers behind the backbone; `heads` is the prefix of box and mask head since version 2."""
    box, mask = f"{heads}bbox_head", f"{heads}mask_head"
    return MaskRCNNNames(
        laterals=[f"neck.lateral_convs.{i}.conv" for i in range(4)],
        outputs=[f"neck.fpn_convs.{i}.conv" for i in range(4)],
        rpn=("rpn_head.rpn_conv", "rpn_head.rpn_cls", "rpn_head.rpn_reg"),
        box=(f"{box}.shared_fcs.0", f"{box}.shared_fcs.1"),
        mask=[f"{mask}.convs.{i}.conv" for i in range(4)],
        upsample=f"{mask}.upsample",
        classes=(f"{box}.fc_cls", f"{box}.fc_reg", f"{mask}.conv_logits"),
    )


def masktrack(depth: int) -> dict[str, Rule]:
    """The whole of MaskTrack R-CNN: a Mask R-CNN of version 0.6 and the embedding layers."""
    return (
        resnet("backbone.", depth)
        | names().body()
        | names().class_layers()
        | affine("track_head.fcs.0", "track/fc0", roi_linear(BOX_SIZE))
        | affine("track_head.fcs.1", "track/fc1", linear)
    )
