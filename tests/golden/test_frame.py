"""Every stage of the network on one frame, against the reference implementation's numbers."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from golden.comparison import BOX_TOLERANCE, SCORE_TOLERANCE, assert_recorded, match_rows
from golden.published_model import clip, clip_canvases, published_model
from golden_folder import golden_arrays

from ovis_jax.ops.correlation import correlation
from ovis_jax.ops.roi_align import assign_levels

LEVELS = ("p2", "p3", "p4", "p5")
QUERY, REFERENCE = 5, 6
SIZE = np.array(clip().shape[1:3])


def record(name):
    return golden_arrays("cmasktrack_rcnn", "frame.npz")[name]


def apply(method, *args):
    system, variables = published_model()
    return jax.jit(lambda *a: system.apply(variables, *a, method=method))(*args)


@pytest.fixture(scope="module")
def pyramids():
    """Query and reference pyramids, each a tuple of [1, h, w, 256]."""
    frames = clip_canvases(clip()[[QUERY, REFERENCE]])
    levels = apply("encode", frames, np.tile(SIZE, (2, 1)))
    return tuple(x[:1] for x in levels), tuple(x[1:] for x in levels)


@pytest.fixture(scope="module")
def calibrated(pyramids):
    return apply("calibrate", *pyramids)


def test_normalised_and_padded_frame():
    frames = apply("normalise", clip_canvases(clip()[[QUERY]]), SIZE[None])
    assert_recorded(frames[0], "net_input")


def test_backbone_stages():
    stages = apply(
        lambda system, *x: system.backbone(system.normalise(*x)),
        clip_canvases(clip()[[QUERY]]),
        SIZE[None],
    )
    for x, name in zip(stages, ("c2", "c3", "c4", "c5"), strict=True):
        assert_recorded(x[0], name)


def test_pyramids(pyramids):
    query, reference = pyramids
    for i in range(5):
        assert_recorded(query[i][0], f"p{i + 2}")
        assert_recorded(reference[i][0], f"ref/p{i + 2}")


@pytest.mark.parametrize("level", range(4))
def test_calibration_stages(pyramids, calibrated, level):
    query, reference = pyramids[0][level], pyramids[1][level]
    name = f"tfc/p{level + 2}"
    raw = correlation(query, reference, displacements=16, dilation=2)
    assert_recorded(jax.nn.leaky_relu(raw, 0.1)[0], f"{name}/correlation")
    offsets = apply(lambda s, q, r: s.calibration.offsets(q, r), query, reference)
    assert_recorded(offsets[0], f"{name}/offsets")
    flowed = apply(lambda s, r, o: s.calibration.align(r, o), reference, offsets)
    assert_recorded(flowed[0], f"{name}/flowed")
    assert_recorded(calibrated[level][0], f"calibrated/p{level + 2}")


def test_rpn_maps(pyramids):
    logits, deltas = apply(lambda system, p: system.rpn(p), pyramids[0])
    start = 0
    for i, x in enumerate(pyramids[0]):
        height, width = x.shape[1:3]
        count = 3 * height * width
        level_logits = logits[0, start : start + count].reshape(height, width, 3)
        level_deltas = deltas[0, start : start + count].reshape(height, width, 12)
        assert_recorded(level_logits, f"rpn_cls/p{i + 2}")
        assert_recorded(level_deltas, f"rpn_reg/p{i + 2}")
        start += count


def test_proposals_agree_as_sets(pyramids):
    proposals = apply("propose", pyramids[0], jnp.array([[90, 150]]))
    want = record("proposals")
    assert int(proposals.valid.sum()) == len(want)
    ours = np.concatenate([proposals.boxes[0], proposals.scores[0, :, None]], 1)[: len(want)]
    rows = match_rows(ours, want)
    assert len(set(rows.tolist())) == len(want)
    assert np.abs(ours[rows, :4] - want[:, :4]).max() < BOX_TOLERANCE
    assert np.abs(ours[rows, 4] - want[:, 4]).max() < SCORE_TOLERANCE


def test_roi_levels_and_features(pyramids, calibrated):
    rois = record("rois")
    levels = assign_levels(jnp.asarray(rois), 4, inclusive=True)
    np.testing.assert_array_equal(levels, record("roi_levels"))
    features = lambda size: lambda s, p, r: s._roi_features(p, r, size)  # noqa: E731
    assert_recorded(apply(features(7), pyramids[0], rois[None])[0], "roi7/query")
    assert_recorded(apply(features(7), calibrated, rois[None])[0], "roi7/calibrated")
    assert_recorded(apply(features(14), calibrated, rois[None])[0], "roi14/calibrated")


def test_heads_on_fixed_rois(pyramids, calibrated):
    rois = jnp.asarray(record("rois"))[None]
    logits, deltas = apply("classify", calibrated, rois)
    assert_recorded(logits[0], "box/cls_logits")
    assert_recorded(deltas[0].reshape(len(deltas[0]), -1), "box/deltas")
    assert_recorded(apply("segment", calibrated, rois)[0], "mask/logits")
    embed_query, embed_reference = (apply("embed", p, rois)[0] for p in pyramids)
    assert_recorded(embed_query, "track/embed_query")
    assert_recorded(embed_reference, "track/embed_ref")
    match = jnp.pad(embed_query @ embed_reference[:7].T, ((0, 0), (1, 0)))
    assert_recorded(match, "track/match_score")
