"""Every map of TraDeS on the frames of two clips, against recorded numbers."""

import functools

import jax
import numpy as np
import pytest
from flax import linen as nn
from golden.trades.trades_model import (
    assert_recorded,
    canvases,
    frame_name,
    geometry,
    published_trades,
    record,
    tracked_frames,
    videos,
)

from ovis_jax.data.transforms import transform_image
from ovis_jax.models.previous_heat import box_heat, pooled_heat

FRAMES = [frame_name(frame) for frame in tracked_frames()]
HEAT_SCORE = 0.5

every_frame = pytest.mark.parametrize("frame", FRAMES)


def number_of(frame):
    return FRAMES.index(frame)


def test_frames_are_laid_on_their_canvas_as_recorded():
    own = [
        transform_image(np.ascontiguousarray(image), geometry(video), flip=False)
        for video in (0, 1)
        for image in videos()[video]
    ]
    difference = np.abs(np.stack(own).astype(int) - canvases().astype(int))
    assert difference.max() <= 1 and (difference > 0).mean() < 1e-4


def recorded_heat():
    """Heat maps [T, H, W] of the recorded tracks of the frames before."""
    found, size = [], canvases().shape[1:3]
    for number, frame in enumerate(tracked_frames()):
        boxes = np.zeros((0, 4), np.float32)
        scores = np.zeros(0)
        if frame["frame"]:
            laid, before = geometry(frame["video"]), tracked_frames()[number - 1]
            boxes = record(f"{frame_name(frame)}/track_boxes", "detections")
            boxes = boxes * np.float32(np.tile(laid.scale, 2)) + np.tile(laid.offset, 2)
            scores = np.array([x["score"] for x in before["detections"]])
        found.append(box_heat(np.float32(boxes), scores >= HEAT_SCORE, size))
    return np.stack(found)


@every_frame
def test_heat_maps_of_the_tracks_of_the_frame_before(frame):
    heat = recorded_heat()[number_of(frame)]
    assert_recorded(heat, f"{frame}/pre_hm", channels_last=False)
    assert_recorded(pooled_heat(heat), f"{frame}/pre_hm4", "detections", channels_last=False)


def everything(system, frames, before, heat):
    """All maps that are recorded, in one program."""
    sizes = np.zeros((len(frames), 2), np.float32)
    normalised = system.normalise(frames, sizes)
    levels = system.backbone(normalised, False)
    (current,) = system.neck(levels, False)
    previous, motion = current[before], system.motion
    predicted = system.predict(current, previous, heat, False)
    difference = motion.difference(current, previous, False)
    taps = motion.tap_offsets(predicted.motion.offsets, difference)
    support = previous * pooled_heat(heat)[..., None]
    moved = motion.warp(support, taps)
    return {
        "net_input": normalised[..., ::-1],
        **{f"base{i}": x for i, x in enumerate(levels, start=2)},
        "cur_feat": current,
        "embedding": predicted.motion.embeddings,
        "embedding_prev": motion.embed(previous, False),
        "c_h": predicted.motion.by_row,
        "c_w": predicted.motion.by_column,
        "tracking_offset": predicted.motion.offsets,
        "offset_feats": difference,
        "deform_offset": taps,
        "support_feat": support,
        "prop_feat": moved,
        "attention_cur": motion.attend_current(current),
        "attention_prev": motion.attend_previous(moved),
        "enhanced_feat": predicted.motion.enhanced,
        "hm": predicted.maps.logits,
        "reg": predicted.maps.offsets,
        "wh": predicted.maps.sizes,
        "conv_weight": predicted.maps.networks,
        "seg_feat": predicted.features,
    }


# What the layers inside of backbone and neck give, before or after the ReLU that follows.
LAYERS = {
    ("backbone", "level0"): ("base0", nn.relu),
    ("backbone", "level1"): ("base1", nn.relu),
    ("neck", "dla0_node1"): ("dla_up2", None),
    ("neck", "dla1_node2"): ("dla_up1", None),
    ("neck", "dla2_node3"): ("dla_up0", None),
}


@functools.cache
def maps_of_all_frames():
    """What `everything` gives for the frames of both videos, and the layers inside."""
    system, variables = published_trades()
    first = np.array([frame["frame"] == 0 for frame in tracked_frames()])
    before = np.where(first, np.arange(len(first)), np.arange(len(first)) - 1)
    names = {name for _, name in LAYERS}

    @jax.jit
    def run(variables, frames, before, heat):
        return system.apply(
            variables,
            frames,
            before,
            heat,
            method=everything,
            capture_intermediates=lambda module, _: module.name in names,
            mutable="intermediates",
        )

    ours, kept = run(variables, canvases(), before, recorded_heat())
    for (part, name), (recorded, after) in LAYERS.items():
        (x,) = kept["intermediates"][part][name]["__call__"]
        ours[recorded] = x if after is None else after(x)
    ours["dla_up3"] = ours["base5"]  # the coarsest map passes
    return jax.device_get(ours)


@pytest.mark.exhaustive
@every_frame
def test_every_map(frame):
    ours = maps_of_all_frames()
    for name, maps in ours.items():
        in_cells = name in ("c_h", "c_w")  # cells of the current frame, then of the other one
        own = maps[number_of(frame)]
        assert_recorded(own, f"{frame}/{name}", channels_last=not in_cells)
