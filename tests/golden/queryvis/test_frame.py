"""Every map and every stage of QueryVIS on frames of two clips, against the published code's."""

import functools

import jax
import numpy as np
import pytest
from golden.queryvis.queryvis_model import (
    PYRAMID,
    PYRAMID_TOLERANCE,
    assert_close_boxes,
    assert_recorded,
    num_stages,
    published_queryvis,
    record,
    stages_of_all_frames,
    video_frames,
)
from golden_folder import golden_json

from ovis_jax.models.systems.queryvis import BOX_SIZE, MASK_SIZE, STRIDES
from ovis_jax.ops.boxes import EXCLUSIVE
from ovis_jax.ops.roi_align import assign_levels

FRAMES = video_frames()
FIRST = FRAMES[0]  # of which everything is recorded
STAGES = range(num_stages())
DETAILED = (STAGES[0], STAGES[-1])  # stages of which the layers are recorded, too

pytestmark = pytest.mark.exhaustive


@pytest.fixture(scope="module")
def ours():
    return stages_of_all_frames()


def test_the_first_frame_is_normalised_as_recorded(ours):
    assert_recorded(ours[0][0], "net_input", tolerance=PYRAMID_TOLERANCE, maps=True)


def test_backbone_and_pyramid_of_the_first_frame(ours):
    _, stages, pyramid, *_ = ours
    names = (*(f"c{i}" for i in range(2, 6)), *PYRAMID)
    for x, name in zip((*stages, *pyramid), names, strict=True):
        assert_recorded(x[0], name, tolerance=PYRAMID_TOLERANCE, maps=True)


@pytest.mark.parametrize("frame", FRAMES)
def test_backbone_and_pyramid_of_every_frame(ours, frame):
    _, stages, pyramid, *_ = ours
    for x, name in zip((stages[-1], *pyramid), ("c5", *PYRAMID), strict=True):
        own = x[FRAMES.index(frame)]
        assert_recorded(own, f"{frame}/{name}", "frames", PYRAMID_TOLERANCE, maps=True)


def test_queries_that_every_frame_starts_from(ours):
    assert_close_boxes(ours[3][0].rois[0], record("init_boxes"))
    queries = published_queryvis()[1]["params"]["queries"]
    assert_recorded(queries["features"], "init_features")


@pytest.mark.parametrize("stage", STAGES)
def test_outputs_of_every_stage(ours, stage):
    *_, outputs, boxes = ours
    own = jax.tree.map(lambda x: x[0], outputs[stage])
    assert_close_boxes(own.rois, record(f"s{stage}/rois"))
    assert_close_boxes(boxes[stage][0], record(f"s{stage}/boxes"))
    levels = assign_levels(own.rois, len(STRIDES), convention=EXCLUSIVE)
    np.testing.assert_array_equal(levels, record(f"s{stage}/roi_levels"))
    names = {"attn_feats": own.attended, "object_feats": own.features}
    for name, x in (names | {"cls_logits": own.logits, "deltas": own.deltas}).items():
        assert_recorded(x, f"s{stage}/{name}")


@pytest.mark.parametrize("frame", FRAMES)
def test_stages_of_every_frame(ours, frame):
    *_, outputs, boxes = ours
    number = FRAMES.index(frame)
    for stage, own in enumerate(outputs):
        assert_close_boxes(boxes[stage][number], record(f"{frame}/s{stage}/boxes", "frames"))
        for name, x in (("cls_logits", own.logits), ("object_feats", own.features)):
            assert_recorded(x[number], f"{frame}/s{stage}/{name}", "frames")


def layers_and_masks(system, pyramid, outputs):
    """RoI features and outputs of two stages again, and the masks of all."""
    rois = {s: system._roi_features(pyramid, outputs[s].rois, BOX_SIZE) for s in DETAILED}
    first = outputs[STAGES[0]].rois.shape[:2]
    before = {s: outputs[s - 1].features if s else system.queries.variables for s in DETAILED}
    queries = before[0]["params"]["features"] if 0 in DETAILED else None
    before[0] = jax.numpy.broadcast_to(queries, (first[0], *queries.shape))
    for s in DETAILED:
        system.stages[s](before[s], outputs[s].rois, rois[s])
    wide = [system._roi_features(pyramid, own.boxes, MASK_SIZE) for own in outputs]
    masks = [
        head(own.attended, x) for head, own, x in zip(system.masks, outputs, wide, strict=True)
    ]
    return rois, wide, masks


@pytest.fixture(scope="module")
def details(ours):
    """Results of `layers_and_masks` for the first frame, and what the modules gave on the way."""
    system, variables = published_queryvis()
    frame = jax.tree.map(lambda x: x[:1], (ours[2], ours[3]))

    @jax.jit
    def run(variables, pyramid, outputs):
        return system.apply(
            variables,
            pyramid,
            outputs,
            method=layers_and_masks,
            capture_intermediates=True,
            mutable="intermediates",
        )

    found, kept = jax.device_get(run(variables, *frame))
    return jax.tree.map(lambda x: x[0], (found, kept["intermediates"]))


@functools.cache
def places():
    """Where the recorded layers of a box head stand among ours."""
    return {
        "attn_out": ("attention",),
        "dyn_params": ("interaction", "kernels"),
        "dyn_norm_in": ("interaction", "norm_in"),
        "dyn_norm_out": ("interaction", "norm_out"),
        "dyn_fc": ("interaction_fc",),
        "dyn_residual_norm": ("interaction_norm",),
    }


def output_of(layers, *names):
    for name in names:
        layers = layers[name]
    (found,) = layers["__call__"]
    return found


@pytest.mark.parametrize("stage", DETAILED)
def test_layers_of_a_stage(details, stage):
    (rois, *_), kept = details
    layers = kept[f"stages_{stage}"]
    assert_recorded(np.moveaxis(rois[stage], -1, 1), f"s{stage}/roi7")
    for name, path in places().items():
        own = output_of(layers, *path)
        want = tuple(entry_shape(f"s{stage}/{name}"))
        assert_recorded(own.reshape(want), f"s{stage}/{name}")
    residual = output_of(layers, "interaction_norm")
    hidden = residual + output_of(layers, "feedforward1")
    assert_recorded(hidden, f"s{stage}/ffn_out")
    fc = np.maximum(output_of(layers, "interaction_fc_norm"), 0)
    assert_recorded(fc, f"s{stage}/dyn_out")


def entry_shape(name):
    return golden_json("queryvis", "manifest.json")["files"]["frame.npz"][name]["shape"]


@pytest.mark.parametrize("stage", DETAILED)
def test_layers_of_a_mask_head(details, stage):
    (_, wide, _), kept = details
    layers = kept[f"masks_{stage}"]
    assert_recorded(np.moveaxis(wide[stage], -1, 1), f"s{stage}/roi14")
    filtered = output_of(layers, "interaction")
    assert_recorded(filtered.reshape(entry_shape(f"s{stage}/mask_dyn")), f"s{stage}/mask_dyn")
    for i in range(4):
        own = np.maximum(output_of(layers, f"norm{i}"), 0)
        assert_recorded(np.moveaxis(own, -1, 1), f"s{stage}/mask_conv{i}")
    upsampled = output_of(layers, "upsample")
    assert_recorded(np.moveaxis(upsampled, -1, 1), f"s{stage}/mask_upsampled")


@pytest.mark.parametrize("stage", STAGES)
def test_masks_of_every_stage(details, stage):
    (*_, masks), _ = details
    assert_recorded(np.moveaxis(masks[stage], -1, 1), f"s{stage}/mask_logits")
