"""The published models that can be imported, by the name that a user gives."""

from ovis_jax.weights.maps import (
    cmasktrack_rcnn,
    detectron2_mask_rcnn,
    masktrack_rcnn,
    mmdet1_mask_rcnn,
    mmdet2_mask_rcnn,
    sipmask,
    timm_resnet,
    torchvision_mask_rcnn,
    torchvision_resnet,
)

# Each takes the depth of the ResNet and gives a NameMap.
NAME_MAPS = {
    "cmasktrack_rcnn": cmasktrack_rcnn.name_map,
    "masktrack_rcnn": masktrack_rcnn.name_map,
    "sipmask": sipmask.name_map,
    "mmdet1_mask_rcnn": mmdet1_mask_rcnn.name_map,
    "mmdet2_mask_rcnn": mmdet2_mask_rcnn.name_map,
    "torchvision_mask_rcnn": torchvision_mask_rcnn.name_map,
    "detectron2_mask_rcnn": detectron2_mask_rcnn.name_map,
    "torchvision_resnet": torchvision_resnet.name_map,
    "timm_resnet": timm_resnet.name_map,
}
