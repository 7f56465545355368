"""The published models that can be imported, by the name that a user gives."""

from collections.abc import Mapping
from typing import Protocol

from ovis_jax.weights.maps import (
    authors_swin,
    cmasktrack_rcnn,
    crossvis,
    detectron2_mask_rcnn,
    feelvos,
    idol,
    masktrack_rcnn,
    mmdet1_mask_rcnn,
    mmdet2_mask_rcnn,
    queryvis,
    sipmask,
    stem_seg,
    stmask,
    stmask_detector,
    timm_convnext,
    timm_resnet,
    timm_swin,
    torchvision_convnext,
    torchvision_mask_rcnn,
    torchvision_resnet,
    torchvision_swin,
    trades,
    trades_detector,
    trades_tracker,
    videomt,
    videomt_transformers,
    xception_65_coco,
    yolact_plus,
)
from ovis_jax.weights.maps.parts import ModelSettings
from ovis_jax.weights.rules import NameMap


class PublishedModel(Protocol):
    """What a file of `weights/maps` says of a published model.

    Attributes:
      CONFIG: name of the configuration, a file in `configs/`, of the model that it is for.
      VARIANTS: settings of the sizes in which it exists, by what they are called.
    """

    CONFIG: str
    VARIANTS: Mapping[str, ModelSettings]

    def name_map(self, model: ModelSettings) -> NameMap:
        """What becomes of its tensors in a model of `config.model`.

        Raises:
          InputError: it does not exist in that size.
        """


NAME_MAPS: dict[str, PublishedModel] = {
    "cmasktrack_rcnn": cmasktrack_rcnn,
    "masktrack_rcnn": masktrack_rcnn,
    "sipmask": sipmask,
    "crossvis": crossvis,
    "queryvis": queryvis,
    "stem_seg": stem_seg,
    "stmask": stmask,
    "stmask_detector": stmask_detector,
    "yolact_plus": yolact_plus,
    "trades": trades,
    "trades_detector": trades_detector,
    "trades_tracker": trades_tracker,
    "idol": idol,
    "feelvos": feelvos,
    "xception_65_coco": xception_65_coco,
    "videomt": videomt,
    "videomt_transformers": videomt_transformers,
    "mmdet1_mask_rcnn": mmdet1_mask_rcnn,
    "mmdet2_mask_rcnn": mmdet2_mask_rcnn,
    "torchvision_mask_rcnn": torchvision_mask_rcnn,
    "detectron2_mask_rcnn": detectron2_mask_rcnn,
    "torchvision_resnet": torchvision_resnet,
    "timm_resnet": timm_resnet,
    "torchvision_swin": torchvision_swin,
    "timm_swin": timm_swin,
    "authors_swin": authors_swin,
    "torchvision_convnext": torchvision_convnext,
    "timm_convnext": timm_convnext,
}
