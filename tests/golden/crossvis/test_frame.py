"""Every map of CrossVIS on frames of two clips, against the reference implementation's numbers."""

import functools

import jax
import numpy as np
import pytest
from flax import linen as nn
from golden.crossvis.crossvis_model import (
    LEVELS,
    assert_recorded,
    clip,
    clip_size,
    frame_names,
    levels,
    point_strides,
    published_crossvis,
)

FRAMES = frame_names()

pytestmark = pytest.mark.exhaustive


def everything(system, frames, sizes):
    """All maps that are recorded, in one program."""
    normalised = system.normalise(frames, sizes)
    stages = system.backbone(normalised)
    pyramid = system.neck(stages)
    maps = system.fcos(pyramid)
    first = pyramid[0][:1]
    return {
        "normalised": normalised,
        "stages": stages,
        "pyramid": pyramid,
        "maps": maps,
        "networks": system.mask.networks(maps.box_features),
        "features": system.mask.features(pyramid, False),
        "refined": system.mask.refined([x[:1] for x in pyramid], False),
        "embeddings": system.reid(pyramid),
        "class_tower": system.fcos.class_tower(first),
        "reid_tower": system.reid.tower(first),
        "reid_conv": system.reid.embedding(system.reid.tower(first)),
    }


@functools.cache
def stages_of_all_frames():
    """What `everything` gives for the frames of both videos, and the stem before its ReLU."""
    system, variables = published_crossvis()
    frames = clip()

    @jax.jit
    def run(variables, frames, sizes):
        return system.apply(
            variables,
            frames,
            sizes,
            method=everything,
            capture_intermediates=lambda module, _: module.name == "stem",
            mutable="intermediates",
        )

    ours, kept = run(variables, frames, np.tile(clip_size(), (len(frames), 1)))
    (ours["stem"],) = kept["intermediates"]["backbone"]["stem"]["__call__"]
    return ours


@pytest.fixture(scope="module")
def ours():
    return stages_of_all_frames()


def test_frames_are_normalised_as_recorded(ours):
    assert_recorded(ours["normalised"][0][..., ::-1], "v0_t0/net_input")


def test_stem_and_second_stage(ours):
    stem = nn.max_pool(nn.relu(ours["stem"][:1]), (3, 3), (2, 2), padding=((1, 1), (1, 1)))
    assert_recorded(stem[0], "v0_t0/stem")
    assert_recorded(ours["stages"][0][0], "v0_t0/res2")


@pytest.mark.parametrize("frame", FRAMES)
def test_backbone_stages_and_pyramid(ours, frame):
    maps = (*ours["stages"][1:], *ours["pyramid"])
    for x, name in zip(maps, ("res3", "res4", "res5", *LEVELS), strict=True):
        assert_recorded(x[FRAMES.index(frame)], f"{frame}/{name}")


@pytest.mark.parametrize("frame", FRAMES)
def test_predictions_of_every_point(ours, frame):
    number = FRAMES.index(frame)
    maps = jax.tree.map(lambda x: x[number], ours["maps"])
    joined = {
        "cls": maps.logits,
        "reg": maps.distances / point_strides(ours["pyramid"]),
        "ctr": maps.centerness[:, None],
        "ctl": ours["networks"][number],
        "reid": ours["embeddings"][number],
    }
    for name, values in joined.items():
        for own, level in zip(levels(values, ours["pyramid"]), LEVELS, strict=True):
            assert_recorded(own, f"{frame}/{name}_{level}")


def test_towers(ours):
    assert_recorded(ours["class_tower"][0], "v0_t0/cls_tower_p3")
    assert_recorded(ours["maps"].box_features[0][0], "v0_t0/bbox_tower_p3")
    assert_recorded(ours["reid_tower"][0], "v0_t0/reid_tower_p3")
    assert_recorded(ours["reid_conv"][0], "v0_t0/reid_conv_p3")


def test_levels_that_the_mask_branch_joins(ours):
    for number, x in enumerate(ours["refined"]):
        assert_recorded(x[0], f"v0_t0/refine{number}")


@pytest.mark.parametrize("frame", FRAMES)
def test_features_that_masks_are_drawn_on(ours, frame):
    assert_recorded(ours["features"][FRAMES.index(frame)], f"{frame}/mask_feats")
