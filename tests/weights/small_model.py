"""The published architecture with few channels, and random numbers for it."""

import functools

import jax
import numpy as np

from configs.parts.calibration import calibration
from configs.parts.crossvis import crossvis_r50
from configs.parts.feelvos import feelvos_xception65
from configs.parts.idol import idol_r50
from configs.parts.mask_track_rcnn import mask_track_rcnn_r50
from configs.parts.queryvis import queryvis_r50
from configs.parts.sipmask import sipmask_r50
from configs.parts.stem_seg import stem_seg
from configs.parts.stmask import stmask_r50
from configs.parts.trades import trades_dla34
from configs.parts.videomt import videomt
from ovis_jax.models.build import build_model
from ovis_jax.weights.maps.parts import resnet_model
from ovis_jax.weights.name_maps import NAME_MAPS
from ovis_jax.weights.rules import to_state_dict


def small_config(depth: int = 18, calibrated: bool = True, num_classes: int = 3):
    config = mask_track_rcnn_r50()
    config.model.num_classes = num_classes
    config.model.backbone.update(depth=depth, width=4)
    config.model.neck.channels = 8
    for part in ("rpn", "mask"):
        config.model[part].channels = 8
    for part in ("box", "track"):
        config.model[part].channels = 16
    if calibrated:
        config.model.calibration = calibration()
        config.model.calibration.update(displacements=2, channels=8)
    return config.lock()


def small_sipmask_config(depth: int = 18):
    config = sipmask_r50()
    config.model.num_classes = 3
    config.model.backbone.update(depth=depth, width=4)
    config.model.neck.channels = 8
    config.model.fcos.channels = 32
    config.model.mask.update(num_basis=4, channels=8)
    config.model.track.update(channels=8, tower_channels=8)
    config.model.calibration = calibration()
    config.model.calibration.update(displacements=2, channels=8)
    return config.lock()


def small_crossvis_config(depth: int = 18, num_identities: int = 5):
    config = crossvis_r50()
    config.model.update(num_classes=3, num_identities=num_identities)
    config.model.backbone.update(depth=depth, width=4)
    config.model.neck.channels = 8
    config.model.fcos.channels = 8
    config.model.mask.branch_channels = 8
    config.model.reid.update(channels=8, tower_channels=8)
    config.model.calibration = calibration()
    config.model.calibration.update(displacements=2, channels=8)
    return config.lock()


def small_queryvis_config(depth: int = 18, num_classes: int = 3):
    config = queryvis_r50()
    config.model.num_classes = num_classes
    config.model.backbone.update(depth=depth, width=4)
    config.model.neck.channels = 8
    config.model.queries.update(num_queries=4, channels=8)
    config.model.stage.update(num_heads=2, hidden=4, feedforward=8)
    config.model.mask.update(channels=8, hidden=4)
    config.model.track.channels = 8
    return config.lock()


def small_stmask_config(depth: int = 18):
    config = stmask_r50()
    config.model.update(num_classes=3, num_prototypes=4)
    config.model.backbone.update(depth=depth, width=4, deformable_every=2 if depth == 50 else 0)
    config.model.neck.channels = 8
    config.model.anchors.update(channels=8, embedding_size=8)
    config.model.prototypes.channels = 8
    config.model.shift.channels = 8
    return config.lock()


def small_stem_seg_config(depth: int = 18):
    config = stem_seg(depth)
    config.model.update(num_classes=3, groups=2)
    config.model.backbone.width = 4
    config.model.neck.channels = 8
    config.model.embedding.channels = (8, 8, 4, 4)
    config.model.semantic.channels = (8, 8, 8, 8)
    return config.lock()


def small_idol_config(depth: int = 18, name: str = "resnet"):
    config = idol_r50()
    config.model.num_classes = 3
    config.model.backbone.update(name=name, depth=depth, width=4)
    config.model.transformer.update(num_queries=4, channels=8, num_heads=2, feedforward=8)
    return config.lock()


def small_feelvos_config():
    config = feelvos_xception65()
    config.model.num_classes = 3
    config.model.backbone.update(depth=18, width=4)
    config.model.neck.channels = 8
    for part in ("rpn", "mask", "propagation"):
        config.model[part].channels = 8
    for part in ("box", "track"):
        config.model[part].channels = 16
    config.model.deeplab.update(width=4, middle_units=1)
    config.model.embedding.size = 4
    return config.lock()


def small_trades_config():
    config = trades_dla34()
    config.model.num_classes = 3
    config.model.backbone.width = 1
    config.model.motion.channels = 8
    config.model.center.channels = 4
    config.model.seg.update(num_features=2, hidden=(2,), channels=4)
    return config.lock()


def small_videomt_config():
    config = videomt("small")
    config.model.num_classes = 3
    config.model.encoder.update(width=8, depth=3, heads=2, query_blocks=1, table_side=2)
    config.model.head.num_queries = 4
    return config.lock()


def settings_for(model: str, depth: int):
    """What the names of a published model depend on, in this size."""
    if model in ("feelvos", "xception_65_coco"):
        return small_feelvos_config().model
    return small_videomt_config().model if "videomt" in model else resnet_model(depth)


@functools.cache
def small_shapes(depth: int = 18, calibrated: bool = True) -> dict:
    """Shapes of the variables."""
    return build_model(small_config(depth, calibrated))[1]


@functools.cache
def shapes_for(model: str, depth: int) -> dict:
    """Shapes of the variables of the system that a published model is for."""
    if model == "sipmask":
        return build_model(small_sipmask_config(depth))[1]
    if model == "crossvis":
        return build_model(small_crossvis_config(depth))[1]
    if model == "queryvis":
        return build_model(small_queryvis_config(depth))[1]
    if model == "idol":
        return build_model(small_idol_config(depth))[1]
    if model.startswith("stmask") or model == "yolact_plus":
        return build_model(small_stmask_config(depth))[1]
    if model in ("feelvos", "xception_65_coco"):
        return build_model(small_feelvos_config())[1]
    if model == "stem_seg":
        return build_model(small_stem_seg_config(depth))[1]
    if model.startswith("trades"):
        return build_model(small_trades_config())[1]
    if "videomt" in model:
        return build_model(small_videomt_config())[1]
    return small_shapes(depth, calibrated=model != "masktrack_rcnn")


def random_variables(shapes: dict, seed: int = 0) -> dict:
    rng = np.random.default_rng(seed)
    return jax.tree.map(lambda x: rng.normal(size=x.shape).astype(np.float32), shapes)


def published_file(path, model="cmasktrack_rcnn", **more):
    """A file of the small model under the names of a published one; returns its variables too."""
    variables = random_variables(small_shapes())
    state = to_state_dict(variables, NAME_MAPS[model].name_map(resnet_model(18)).rules) | more
    np.savez(path, **state)
    return path, variables
