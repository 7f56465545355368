"""FEELVOS on the detector of MaskTrack R-CNN: our reading of mask propagation for instances."""

from ml_collections import ConfigDict

from ovis_jax.configs.parts import mask_track_rcnn
from ovis_jax.configs.parts.run import run


def feelvos_r50() -> ConfigDict:
    """FEELVOS, ResNet-50-FPN, 640x360, 25 categories: a whole configuration."""
    config = run(model(), capacity())
    in_threes(config)
    config.data.augment.factors = (1.0, 1.3)
    config.data.augment.crop.update(probability=1.0, sides=(465, 465), when="after")
    return config


def feelvos_xception65() -> ConfigDict:
    """The same, but features of pixels come from DeepLabv3+ on Xception-65, as published."""
    config = feelvos_r50()
    config.model.features = "deeplab"
    return config


def in_threes(config: ConfigDict) -> None:
    """Clips of a reference frame and two frames that follow each other, as published."""
    config.data.clip.update(num_frames=3, mask_frames=3, others="reference_run")


def capacity() -> ConfigDict:
    """Sizes of the padded records."""
    sizes = mask_track_rcnn.capacity()
    sizes.tracks = 10  # live at once in prediction
    sizes.objects = 10  # of a training clip; all others are background
    return sizes


def model() -> ConfigDict:
    """Keyword arguments of each part's module."""
    own = mask_track_rcnn.model()
    for other in ("calibration", "occlusion"):
        del own[other]
    del own.track["calibrated"]
    own.update(
        system="feelvos",
        features="detector",  # of pixels: of its pyramid's finest level, or "deeplab"
        deeplab=dict(width=64, output_stride=16, middle_units=16),  # Xception-65
        embedding=dict(size=100),
        propagation=dict(channels=256, num_convs=4),
        reference_pixels=1024,  # of each object that all pixels are compared with
        radius=15,  # of the window in the previous frame, in cells of four pixels: 31x31
        hardest_share=0.15,  # of the pixels of a frame that the loss counts
        rules=dict(
            start_score=0.3,  # least score of a detection that begins a track
            min_iou=0.5,  # least overlap of a track's mask with the detection that it is
            min_free=0.5,  # share of a mask that no track holds, for it to begin one
            max_unseen=20,  # frames in a row without a pixel, after which a track ends
            first_frame_only=False,  # or True: no track begins later, as in object segmentation
        ),
    )
    return own
