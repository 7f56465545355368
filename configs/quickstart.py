"""CMaskTrack R-CNN small enough to train from scratch on a CPU, on Occluded Shapes.

The calibration starts from doing nothing, and what computes its offsets learns slowly. Otherwise
AdamW, whose steps do not shrink with the gradient, moves the offsets out of the frame long before
the features are worth comparing, and from there no gradient leads back.
"""

from configs import common


def get_config():
    """Returns the locked configuration."""
    return calibrated(masktrack()).lock()


def calibrated(config):
    """A configuration of this size with calibration; unlocked."""
    config.model.calibration = common.calibration()
    config.model.calibration.update(displacements=8, channels=32, num_convs=2, init_scale=0.0)
    config.train.slowed = (
        *config.train.slowed,
        ("calibration/offset_convs_0", 0.1),
        ("calibration/offset_convs_1", 0.1),
        ("calibration/offset", 0.02),
    )
    config.predict.reference_window = 1  # frames on either side, outputs averaged
    return config


def masktrack():
    """The same network without calibration; unlocked."""
    config = common.masktrack_rcnn_r50()
    config.data.train_annotations = "data/occluded_shapes/annotations_train.json"
    config.data.train_images = "data/occluded_shapes/train"
    config.data.eval_annotations = "data/occluded_shapes/annotations_valid.json"
    config.data.eval_images = "data/occluded_shapes/valid"
    config.data.image_scale = (320, 192)
    config.capacity.update(
        instances=10, level_proposals=200, proposals=100, candidates=200, detections=20, tracks=100
    )
    model = config.model
    model.num_classes = 5
    model.backbone.update(depth=18, norm="group", width=16, frozen_stages=-1)
    model.neck.update(channels=32, norm="group")
    model.rpn.update(channels=32, num_samples=64)
    model.box.update(channels=256, num_samples=32, max_positive=16)
    model.mask.update(channels=32, num_convs=2, norm="group")
    model.track.channels = 128
    config.train.update(
        batch_size=4,
        num_steps=1500,
        optimizer="adamw",
        learning_rate=0.008,
        warmup_steps=100,
        schedule="cosine",
        weight_decay=0.01,
        frozen=(),
        checkpoint_every=500,
    )
    return config
