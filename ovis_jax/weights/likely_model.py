"""Which model a file is of, by the names in it, where they are not those of the model named."""

import dataclasses
import fnmatch
import functools
from collections.abc import Collection

from ovis_jax.formats.errors import InputError
from ovis_jax.weights.maps.parts import ModelSettings
from ovis_jax.weights.name_maps import NAME_MAPS
from ovis_jax.weights.rules import NameMap, name_differences

_V2 = "backbone.fpn.inner_blocks.0.1.weight"  # a batch norm behind a lateral convolution


@dataclasses.dataclass(frozen=True)
class _Foreign:
    """A model that is often taken for one of those that can be read.

    Attributes:
      what: its description.
      present: patterns that each have a name.
      absent: patterns without any name.
    """

    what: str
    present: tuple[str, ...]
    absent: tuple[str, ...] = ()


_FOREIGN = (
    _Foreign(
        "torchvision's maskrcnn_resnet50_fpn_v2 (batch norms in FPN and heads, four convolutions "
        "in the box head)",
        (_V2, "roi_heads.mask_predictor.*"),
    ),
    _Foreign("torchvision's fasterrcnn_resnet50_fpn_v2", (_V2, "roi_heads.box_predictor.*")),
    _Foreign("torchvision's keypointrcnn_resnet50_fpn", ("roi_heads.keypoint_head.*",)),
    _Foreign(
        "torchvision's Faster R-CNN, without a mask head",
        ("rpn.head.*", "roi_heads.box_predictor.*"),
        ("roi_heads.mask_predictor.*",),
    ),
    _Foreign("a one-stage detector of torchvision", ("head.classification_head.*",)),
    _Foreign(
        "a Sparse R-CNN of mmdetection, without mask heads",
        ("*bbox_head.0.instance_interactive_conv.*",),
        ("*mask_head.*",),
    ),
    _Foreign("a Cascade R-CNN of mmdetection", ("*bbox_head.0.fc_cls.*",)),
    _Foreign(
        "a Faster R-CNN of mmdetection, without a mask head",
        ("*bbox_head.shared_fcs.*",),
        ("*mask_head.*",),
    ),
    _Foreign(
        "a SipMask for images, without tracking",
        ("bbox_head.sip_cof.*",),
        ("bbox_head.sipmask_track.*",),
    ),
    _Foreign(
        "a YOLACT or a STMask for images, without tracking",
        ("prediction_layers.0.*", "proto_net.*"),
        ("TemporalNet.*",),
    ),
    _Foreign("a tracker of mmtracking or mmdetection 3", ("detector.*", "track*")),
    _Foreign("a one-stage detector of mmdetection", ("bbox_head.*",), ("rpn_head.*", "roi_head*")),
    _Foreign("a detectron2 model with a C4 head", ("roi_heads.res5.*",)),
    _Foreign("a Cascade R-CNN of detectron2", ("proposal_generator.*", "roi_heads.box_head.0.*")),
    _Foreign(
        "a detectron2 Mask R-CNN with norms in its heads", ("roi_heads.mask_head.*.norm.weight",)
    ),
    _Foreign("a panoptic model of detectron2", ("sem_seg_head.*",)),
    _Foreign(
        "a Faster R-CNN of detectron2, without a mask head",
        ("proposal_generator.*", "roi_heads.box_head.fc1.*"),
        ("roi_heads.mask_head.*",),
    ),
    _Foreign("an ImageNet ResNet of Caffe2 (detectron2's MSRA files)", ("res2_0_branch2a_w",)),
    _Foreign("a ResNet with a stem of several convolutions", ("conv1.0.weight", "layer1.*")),
    _Foreign("a Swin transformer of another size", ("*relative_position_bias_table",)),
    _Foreign("a vision transformer", ("*blocks.0.attn.*",)),
    _Foreign("a vision transformer", ("class_token", "encoder.layers.*")),
    _Foreign("a ConvNeXt of another size", ("stages.0.blocks.0.conv_dw.*",)),
    _Foreign("a DETR", ("*transformer.encoder.*",)),
)


def check_named(names: Collection[str], model: str, settings: ModelSettings, source: str) -> None:
    """Compares the names of a file with those of all models that can be read.

    Args:
      names: of its tensors.
      model: a key of `NAME_MAPS`: what the file is said to be.
      settings: `config.model` of the model to fill.
      source: what the names were read from, for the error.

    Raises:
      InputError: they are those of another model, or of another size; one line says which.
    """
    name_map = NAME_MAPS[model].name_map(settings)
    if any(name_differences(names, name_map)) and (named := _named(names, model)):
        ours = set(name_map.rules)
        size = next((own for own, other in _variants(model) if set(other.rules) == ours), None)
        raise InputError(f"{source}: {named}, expected {_in_size(model, size)}")


def check_foreign(names: Collection[str], model: str, settings: ModelSettings, source: str) -> None:
    """Compares the names of a file with those of models that cannot be read.

    Args:
      names: as for `check_named`.
      model: as for `check_named`.
      settings: as for `check_named`.
      source: as for `check_named`.

    Raises:
      InputError: they are not those of `model`, and tell what the file is; in one line.
    """
    if not any(name_differences(names, NAME_MAPS[model].name_map(settings))):
        return
    for foreign in _FOREIGN:
        present = all(_has(names, pattern) for pattern in foreign.present)
        if present and not any(_has(names, pattern) for pattern in foreign.absent):
            raise InputError(f"{source}: looks like {foreign.what}, expected {model}")


@functools.cache
def _variants(model: str) -> tuple[tuple[str, NameMap], ...]:
    """The sizes in which a published model exists, and the names of each."""
    published = NAME_MAPS[model]
    return tuple((size, published.name_map(own)) for size, own in published.VARIANTS.items())


def _named(names: Collection[str], model: str) -> str:
    """The models and sizes whose names these are, the given model alone if it is among them."""
    fitting = {
        other: sizes
        for other in NAME_MAPS
        if (sizes := [s for s, own in _variants(other) if not any(name_differences(names, own))])
    }
    if model in fitting:
        fitting = {model: fitting[model]}
    if not fitting:
        return ""
    sizes = next(iter(fitting.values()))
    return f"has the names of {_in_size(' or '.join(fitting), sizes[0])}"


def _in_size(model: str, size: str | None) -> str:
    return f"{model} with {size}" if size else model


def _has(names: Collection[str], pattern: str) -> bool:
    return any(fnmatch.fnmatchcase(name, pattern) for name in names)
