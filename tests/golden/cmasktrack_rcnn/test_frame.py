"""Every number that is recorded of one frame, stage by stage, against the reference's."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import linen as nn
from golden.cmasktrack_rcnn.published_model import clip, clip_canvases, published_model
from golden.comparison import assert_recorded, assert_same_proposals, recorded_names
from golden_folder import golden_arrays

from ovis_jax.models.proposal_decoding import decode_proposals
from ovis_jax.models.systems.mask_track_rcnn import BOX_SIZE, MASK_SIZE, ROI_LEVELS, STRIDES
from ovis_jax.ops.anchors import grid_anchors
from ovis_jax.ops.boxes import INCLUSIVE
from ovis_jax.ops.correlation import correlation
from ovis_jax.ops.roi_align import assign_levels, roi_align

pytestmark = pytest.mark.exhaustive

LEVELS = ("p2", "p3", "p4", "p5", "p6")
QUERY, REFERENCE = 5, 6
INPUTS = ("rois",)
PLAIN = ("base_anchors", "anchors/p4", "roi_levels")  # no maps: laid out as ours


def record(name):
    return golden_arrays("cmasktrack_rcnn", "frame.npz")[name]


@functools.cache
def stages() -> dict[str, np.ndarray]:
    """Our arrays under the recorded names, with channels last where those have them first."""
    system, variables = published_model()
    frames = clip_canvases(clip()[[QUERY, REFERENCE]])
    sizes = np.tile(clip().shape[1:3], (2, 1))

    @jax.jit
    def compute(frames, rois):
        arguments = frames, sizes, rois
        found, state = system.apply(
            variables, *arguments, method=_forward, capture_intermediates=True
        )
        return found | _inner_layers(state["intermediates"])

    return jax.device_get(compute(frames, record("rois")))


def _forward(system, frames, sizes, rois) -> dict[str, jax.Array]:
    """What the stages of the system return."""
    pyramid = system.encode(frames, sizes)
    query, reference = (tuple(x[i : i + 1] for x in pyramid) for i in (0, 1))
    calibrated = system.calibration(query, reference)
    found = {"net_input": system.normalise(frames, sizes)[0]}
    for name, q, r, c in zip(LEVELS, query, reference, calibrated, strict=True):
        raw = correlation(q, r, displacements=16, dilation=2)
        found |= {
            name: q[0],
            f"ref/{name}": r[0],
            f"tfc/{name}/correlation": system.calibration.comparison(q, r)[0],
            f"tfc/{name}/raw_correlation_sum": raw.sum((0, 1, 2)) * q.shape[-1],
            f"calibrated/{name}": c[0],
        }
    found |= _proposals(system, query, sizes[0])
    found["base_anchors"] = np.stack([grid_anchors(1, 1, stride) for stride in STRIDES])
    found["anchors/p4"] = system.rpn.anchors(query, STRIDES)[2]
    found["roi_levels"] = assign_levels(jnp.asarray(rois), ROI_LEVELS, convention=INCLUSIVE)
    for name, levels, size in (
        ("roi7/query", query, BOX_SIZE),
        ("roi7/calibrated", calibrated, BOX_SIZE),
        ("roi14/calibrated", calibrated, MASK_SIZE),
    ):
        levels = [x[0] for x in levels[:ROI_LEVELS]]
        found[name] = roi_align(levels, STRIDES[:ROI_LEVELS], rois, size, convention=INCLUSIVE)
    logits, deltas = (x[0] for x in system.classify(calibrated, rois[None]))
    found |= {"box/cls_logits": logits, "box/deltas": deltas.reshape(len(deltas), -1)}
    found["mask/logits"] = system.segment(calibrated, rois[None])[0]
    own, other = (system.embed(levels, rois[None])[0] for levels in (query, reference))
    objects = record("track/match_score").shape[1] - 1
    match = jnp.pad(own @ other[:objects].T, ((0, 0), (1, 0)))
    return found | {
        "track/embed_query": own,
        "track/embed_ref": other,
        "track/match_score": match,
    }


def _proposals(system, pyramid, size) -> dict[str, jax.Array]:
    """Maps of the RPN, and proposals of each level and of all of them."""
    logits, deltas = (x[0] for x in system.rpn(pyramid))
    anchors = system.rpn.anchors(pyramid, STRIDES)
    found, start = {"proposals": _joined(system.propose(pyramid, size[None]), 0)}, 0
    for name, x, own in zip(LEVELS, pyramid, anchors, strict=True):
        part = slice(start, start + len(own))
        found[f"rpn_cls/{name}"] = logits[part].reshape(*x.shape[1:3], -1)
        found[f"rpn_reg/{name}"] = deltas[part].reshape(*x.shape[1:3], -1)
        kept = decode_proposals(
            logits[part],
            deltas[part],
            [own],
            size,
            level_capacity=system.capacity.level_proposals,
            capacity=system.capacity.level_proposals,
            convention=INCLUSIVE,
        )
        found[f"proposals_level/{name}"] = _joined(kept)
        start += len(own)
    return found


def _joined(proposals, row=...) -> jax.Array:
    """[P, 5], boxes and scores; -1 where there is no proposal."""
    boxes, scores, valid = (x[row] for x in (proposals.boxes, proposals.scores, proposals.valid))
    return jnp.where(valid[:, None], jnp.concatenate([boxes, scores[:, None]], 1), -1)


def _inner_layers(captured: dict) -> dict[str, jax.Array]:
    """Outputs of layers inside the stages, which no method returns."""

    def output(*path, call=0):
        layer = captured
        for name in path:
            layer = layer[name]
        return layer["__call__"][call]

    stem = nn.max_pool(nn.relu(output("backbone", "stem")), (3, 3), (2, 2), ((1, 1), (1, 1)))
    found = {"stem": stem[0]}
    for name, x in zip(("c2", "c3", "c4", "c5"), output("backbone"), strict=True):
        found[name] = x[0]
    for i, level in enumerate(LEVELS):
        name = f"tfc/{level}"
        found[f"{name}/offsets"] = output("calibration", "offset", call=i)[0]
        found[f"{name}/flowed"] = output("calibration", "align", call=i)[0]
        for j in range(3):
            hidden = output("calibration", f"offset_convs_{j}", call=i)[0]
            found[f"{name}/hidden{j}"] = nn.relu(hidden)
    for j in range(2):
        found[f"box/fc{j}"] = nn.relu(output("box", f"fc{j}"))[0]
    for j in range(4):
        found[f"mask/conv{j}"] = nn.relu(output("mask", f"conv{j}"))[0]
    found["mask/upsampled"] = nn.relu(output("mask", "upsample"))[0]
    return found


@pytest.mark.parametrize("name", recorded_names("frame.npz", leave_out=INPUTS))
def test_equals_the_reference(name):
    ours = stages()[name]
    if name.startswith("proposals"):
        assert_same_proposals(ours[ours[:, 4] >= 0], record(name))
    elif name in PLAIN:
        np.testing.assert_array_equal(ours.reshape(record(name).shape), record(name))
    else:
        assert_recorded(ours, name)
