"""What options of the programs can be, known without importing what they stand for."""

MODES = ("train", "evaluate", "predict", "train_and_evaluate")
MODELS = (
    "cmasktrack_rcnn",
    "masktrack_rcnn",
    "sipmask",
    "crossvis",
    "queryvis",
    "stem_seg",
    "stmask",
    "stmask_detector",
    "yolact_plus",
    "trades",
    "trades_detector",
    "trades_tracker",
    "idol",
    "feelvos",
    "xception_65_coco",
    "videomt",
    "videomt_transformers",
    "mmdet1_mask_rcnn",
    "mmdet2_mask_rcnn",
    "torchvision_mask_rcnn",
    "detectron2_mask_rcnn",
    "torchvision_resnet",
    "timm_resnet",
    "torchvision_swin",
    "timm_swin",
    "authors_swin",
    "torchvision_convnext",
    "timm_convnext",
)
"""Keys of `ovis_jax.weights.name_maps.NAME_MAPS`."""

PLATFORMS = ("cpu", "cuda", "tpu")
"""Keys of `ovis_jax.export.programs.PLATFORMS`."""

WRITES = ("results", "overlay", "frames", "ids")
DEFAULT_WRITES = ("results", "overlay")
"""What `ovis-jax predict` writes; "frames" and "ids" are written frame by frame."""

RECORDS = ("coco_instances", "occluded_shapes", "ovis", "youtube_vis_2019", "youtube_vis_2021")
"""Names of the builders of `ovis_jax.data.tfds`."""

READERS = ("ovis", "coco", "davis", "mots", "mots-txt", "labelme", "cvat", "results")
WRITERS = ("ovis", "coco", "coco-results", "davis", "mots", "mots-txt", "labelme", "cvat")
"""Keys of `READERS` and `WRITERS` of `ovis_jax.tools.convert_annotations`."""

DRAWN_VIDEOS = 4
"""That `ovis-jax browse` draws unless they are named."""
