"""The systems at a size that trains from scratch on a CPU within minutes."""

from ml_collections import ConfigDict

from ovis_jax.configs.parts import crossvis as crossvis_parts
from ovis_jax.configs.parts import feelvos as feelvos_parts
from ovis_jax.configs.parts import idol as idol_parts
from ovis_jax.configs.parts import mask_track_rcnn as mask_track_rcnn_parts
from ovis_jax.configs.parts import queryvis as queryvis_parts
from ovis_jax.configs.parts import sipmask as sipmask_parts
from ovis_jax.configs.parts import stem_seg as stem_seg_parts
from ovis_jax.configs.parts import stmask as stmask_parts
from ovis_jax.configs.parts import trades as trades_parts
from ovis_jax.configs.parts import videomt as videomt_parts
from ovis_jax.configs.parts.calibration import calibration
from ovis_jax.configs.parts.run import run


def small_run(model: ConfigDict, capacity: ConfigDict) -> ConfigDict:
    """A run of minutes on Occluded Shapes, around the model of one system; see `run`."""
    config = run(model, capacity)
    config.data.train_annotations = "data/occluded_shapes/annotations_train.json"
    config.data.train_images = "data/occluded_shapes/train"
    config.data.eval_annotations = "data/occluded_shapes/annotations_valid.json"
    config.data.eval_images = "data/occluded_shapes/valid"
    config.data.pseudo_video.annotations = "data/occluded_stills/instances_stills.json"
    config.data.pseudo_video.images = "data/occluded_stills/stills"
    config.data.image_scale = (320, 192)
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


def mask_track_rcnn() -> ConfigDict:
    """MaskTrack R-CNN; a whole configuration."""
    config = small_run(mask_track_rcnn_parts.model(), mask_track_rcnn_parts.capacity())
    _small_detector(config)
    config.capacity.tracks = 100
    return config


def _small_detector(config: ConfigDict) -> None:
    """MaskTrack R-CNN's parts at this size, in a configuration that has them."""
    config.capacity.update(
        instances=10, level_proposals=200, proposals=100, candidates=200, detections=20
    )
    model = config.model
    model.num_classes = 5
    model.backbone.update(depth=18, norm="group", width=16, frozen_stages=-1)
    model.neck.update(channels=32, norm="group")
    model.rpn.update(channels=32, num_samples=64)
    model.box.update(channels=256, num_samples=32, max_positive=16)
    model.mask.update(channels=32, num_convs=2, norm="group")
    model.track.channels = 128


def feelvos() -> ConfigDict:
    """FEELVOS; a whole configuration."""
    config = small_run(feelvos_parts.model(), feelvos_parts.capacity())
    feelvos_parts.in_threes(config)
    _small_detector(config)
    config.capacity.objects = 6
    config.train.learning_rate = 0.004
    model = config.model
    model.embedding.size = 32
    model.propagation.update(channels=32, num_convs=2)
    model.update(reference_pixels=256, radius=7)
    return config


def sipmask() -> ConfigDict:
    """SipMask; a whole configuration.

    What masks are made of learns slowly: basis maps end in ReLU, and AdamW at the full rate kills
    most of them within some steps. Masks then stay constant in each quarter of their box, for
    hundreds of steps or for ever.
    """
    config = small_run(sipmask_parts.model(), sipmask_parts.capacity())
    config.capacity.update(
        instances=10,
        level_candidates=100,
        class_candidates=100,
        detections=20,
        tracks=100,
        positives=64,
    )
    model = config.model
    model.num_classes = 5
    model.backbone.update(depth=18, norm="group", width=16, frozen_stages=-1, stride_in_1x1=False)
    model.neck.update(channels=32, norm="group")
    model.fcos.channels = 32
    model.mask.update(num_basis=16, channels=64)
    model.track.update(channels=128, tower_channels=32)
    config.train.slowed = (("mask/basis0", 0.1), ("mask/basis1", 0.1), ("mask/coefficient", 0.1))
    return config


def crossvis() -> ConfigDict:
    """CrossVIS; a whole configuration."""
    config = small_run(crossvis_parts.model(), crossvis_parts.capacity())
    config.capacity.update(
        instances=10, level_candidates=200, candidates=200, detections=20, tracks=100
    )
    config.data.clip.mask_frames = 2
    config.data.inclusive_boxes = False
    model = config.model
    model.num_classes = 5
    model.backbone.update(depth=18, norm="group", width=16, frozen_stages=-1, stride_in_1x1=False)
    model.neck.channels = 32
    model.fcos.update(channels=32, class_convs=2, box_convs=3)
    model.mask.update(branch_channels=32, branch_convs=2, norm="group")
    model.reid.update(channels=64, tower_channels=32, num_convs=2)
    model.pyramid_rate = 1.0  # nothing below the heads is trained yet
    return config


def queryvis() -> ConfigDict:
    """QueryVIS; a whole configuration."""
    config = small_run(queryvis_parts.model(), queryvis_parts.capacity())
    config.capacity.update(instances=10, detections=20, tracks=100)
    config.data.inclusive_boxes = False
    model = config.model
    model.update(num_classes=5, num_stages=3)
    model.backbone.update(depth=18, norm="group", width=16, frozen_stages=-1)
    model.neck.update(channels=64, norm="group")
    model.queries.update(num_queries=30, channels=64)
    model.stage.update(num_heads=4, hidden=16, feedforward=256)
    model.mask.update(channels=32, num_convs=2, hidden=16, norm="group")
    model.track.channels = 128
    model.predictions.score_threshold = 0.05
    config.train.update(learning_rate=0.004, clip_norm=1.0, second_moment=0.999)
    return config


def stem_seg() -> ConfigDict:
    """STEm-Seg; a whole configuration."""
    config = small_run(stem_seg_parts.model(18), stem_seg_parts.capacity())
    config.capacity.update(instances=10, tracks=100)
    config.data.inclusive_boxes = False
    config.data.clip.update(num_frames=4, mask_frames=4, others="run", in_order=True)
    config.train.update(learning_rate=0.004)
    model = config.model
    model.num_classes = 5
    model.backbone.update(norm="group", width=16, frozen_stages=-1, stride_in_1x1=False)
    model.neck.update(channels=32, norm="group")
    model.groups = 8
    model.embedding.channels = (32, 32, 32, 32)
    model.semantic.channels = (32, 32, 32, 32)
    model.clips.update(num_frames=4, overlap=2)
    return config


def idol() -> ConfigDict:
    """IDOL; a whole configuration. Training from scratch wants larger steps than fine-tuning."""
    config = small_run(idol_parts.model(), idol_parts.capacity())
    config.capacity.update(instances=10, detections=30, tracks=100)
    config.data.update(inclusive_boxes=False, reference_window=10)
    model = config.model
    model.num_classes = 5
    model.backbone.update(depth=18, norm="group", width=16, frozen_stages=-1)
    model.transformer.update(
        num_queries=30, channels=64, num_layers=2, num_heads=4, feedforward=128, dropout=0.0
    )
    config.train.update(learning_rate=0.002, clip_norm=1.0, second_moment=0.999)
    return config


def stmask() -> ConfigDict:
    """STMask; a whole configuration.

    Its anchors, 24 pixels and more from side to side, fit the objects as they are. The published
    neck has no norm; from random weights losses are lower with one.
    """
    config = small_run(stmask_parts.model(), stmask_parts.capacity())
    stmask_parts.in_pairs(config)
    config.data.resize.update(fit="exact", axis_scales=True)
    config.capacity.update(instances=10, candidates=100, detections=20, positives=64, tracks=64)
    model = config.model
    model.num_classes = 5
    model.num_prototypes = 16
    model.backbone.update(depth=18, norm="group", width=16, deformable_every=0)
    model.neck.update(channels=32, norm="group")
    model.anchors.update(channels=32, embedding_size=64, centerness_order="by_cell")
    model.anchor_losses.shifted_weights = False
    model.prototypes.channels = 32
    model.shift.channels = 32
    return config


def trades() -> ConfigDict:
    """TraDeS; a whole configuration.

    Convolutions of the neck are plain ones: sixteen deformable ones are slow on CPUs. No frame is
    its own previous one: nothing has changed then, and group norms that read a map without variance
    make its gradient 1000 times as long each.
    """
    config = small_run(trades_parts.model(), trades_parts.capacity())
    config.capacity.update(instances=10, detections=20, tracks=100)
    config.data.update(inclusive_boxes=False, reference_window=4)
    config.data.resize.fit = "centered"
    model = config.model
    model.num_classes = 5
    model.backbone.update(width=8, norm="group")
    model.neck.update(deformable=False, norm="group")
    model.motion.update(channels=64, num_blocks=2, norm="group")
    model.center.channels = 64
    model.seg.update(channels=64, norm="group")
    config.train.learning_rate = 0.004
    return config


def videomt() -> ConfigDict:
    """VidEoMT; a whole configuration. No part of it is pre-trained, which it is made for."""
    config = small_run(videomt_parts.model("small"), videomt_parts.capacity())
    config.capacity.update(instances=10, tracks=20)
    config.data.inclusive_boxes = False
    config.data.clip.update(num_frames=2, mask_frames=2, others="run", in_order=True)
    config.train.update(learning_rate=0.002, second_moment=0.999, clip_norm=1.0)
    model = config.model
    model.num_classes = 5
    model.encoder.update(width=128, depth=5, heads=4, query_blocks=3, table_side=20, scale_init=0.1)
    model.head.num_queries = 20
    model.criterion.num_points = 512
    return config


def calibrated(config: ConfigDict) -> ConfigDict:
    """A configuration of this size with calibration.

    The calibration starts from doing nothing, and what computes its offsets learns slowly.
    Otherwise AdamW, whose steps do not shrink with the gradient, moves the offsets out of the frame
    long before the features are worth comparing, and from there no gradient leads back.
    """
    config.model.calibration = calibration()
    config.model.calibration.update(displacements=8, channels=32, num_convs=2, init_scale=0.0)
    config.train.slowed = (
        *config.train.slowed,
        ("calibration/offset_convs_0", 0.1),
        ("calibration/offset_convs_1", 0.1),
        ("calibration/offset", 0.02),
    )
    config.predict.reference_window = 1  # frames on either side, outputs averaged
    return config
