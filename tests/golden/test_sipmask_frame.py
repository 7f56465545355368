"""Every stage of SipMask on frames of two clips, against the reference implementation's numbers."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from golden.comparison import BOX_TOLERANCE, SCORE_TOLERANCE
from golden.sipmask_model import apply, assert_recorded, clip, levels, record

from ovis_jax.models.heads import fcos
from ovis_jax.ops.boxes import clip_boxes
from ovis_jax.ops.points import boxes_from_distances

FRAMES = ("v0_t0", "v0_t1", "v0_t2", "v0_t3", "v0_t4", "v0_t5", "v1_t0", "v1_t1")
LEVELS = ("p3", "p4", "p5", "p6", "p7")
SIZE, SCALE = (96, 160), 0.5

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def stages():
    return apply(lambda system, x: system.backbone(x), clip())


@pytest.fixture(scope="module")
def pyramid(stages):
    return apply(lambda system, x: system.neck(x), stages)


@pytest.fixture(scope="module")
def maps(pyramid):
    return apply(lambda system, x: system.fcos(x), pyramid)


def test_frames_are_normalised_as_recorded():
    assert_recorded(clip()[0][..., ::-1], record("v0_t0/net_input"))


@pytest.mark.parametrize("frame", FRAMES)
def test_backbone_stages(stages, frame):
    for x, name in zip(stages, ("c2", "c3", "c4", "c5"), strict=True):
        assert_recorded(x[FRAMES.index(frame)], record(f"{frame}/{name}"))


@pytest.mark.parametrize("frame", FRAMES)
def test_pyramid(pyramid, frame):
    for x, level in zip(pyramid, LEVELS, strict=True):
        assert_recorded(x[FRAMES.index(frame)], record(f"{frame}/fpn_{level}"))


def test_points_of_every_level(pyramid):
    points = apply(lambda system, x: jnp.concatenate(system.fcos.points(x)), pyramid)
    np.testing.assert_array_equal(points, record("points"))


@pytest.mark.parametrize("frame", FRAMES)
def test_predictions_of_every_point(maps, pyramid, frame):
    number = FRAMES.index(frame)
    coefficients = apply(lambda system, x: system.mask.coefficients(x), maps.class_features)
    joined = {
        "cls": maps.logits[number],
        "reg": maps.distances[number],
        "ctr": maps.centerness[number][:, None],
        "coef": coefficients[number].reshape(len(coefficients[number]), -1),
    }
    for name, values in joined.items():
        for ours, level in zip(levels(values, pyramid), LEVELS, strict=True):
            assert_recorded(ours, record(f"{frame}/{name}_{level}"))


@pytest.mark.parametrize("number", range(5))
def test_towers_and_feature_alignment(pyramid, number):
    level, x = LEVELS[number], pyramid[number][:1]
    assert_recorded(
        apply(lambda s, x: s.fcos.class_tower(x), x)[0], record(f"v0_t0/cls_tower_{level}")
    )
    _, distances, _, aligned, box_features = apply(lambda s, x: s.fcos.level(x, number), x)
    assert_recorded(distances[0], record(f"v0_t0/reg_unscaled_{level}"))
    assert_recorded(aligned[0], record(f"v0_t0/cls_aligned_{level}"))
    assert_recorded(box_features[0], record(f"v0_t0/reg_tower_{level}"))
    offsets = apply(lambda s, x: s.fcos.align.offsets(x), distances)
    assert_recorded(offsets[0], record(f"v0_t0/offsets_{level}"))


@pytest.mark.parametrize("frame", FRAMES)
def test_basis_and_tracking_maps(maps, pyramid, frame):
    number = FRAMES.index(frame)
    features = [x[number][None] for x in maps.box_features]
    low = apply(lambda system, x: system.mask.low_basis(x), features)
    assert_recorded(low[0], record(f"{frame}/basis_low"))
    assert_recorded(apply(lambda s, x: s.mask.basis(x), features)[0], record(f"{frame}/basis"))
    own = [x[number][None] for x in pyramid]
    assert_recorded(apply(lambda s, x: s.track(x), own)[0], record(f"{frame}/track"))


@pytest.mark.parametrize("frame", FRAMES)
def test_boxes_and_detections(maps, pyramid, frame):
    number = FRAMES.index(frame)
    points = apply(lambda system, x: system.fcos.points(x), pyramid)
    size = jnp.array(SIZE)
    boxes = boxes_from_distances(jnp.concatenate(points), maps.distances[number])
    boxes = clip_boxes(boxes, size, inclusive=True)
    assert np.abs(boxes - record(f"{frame}/decoded")).max() < BOX_TOLERANCE
    found = fcos.decode_detections(
        jax.nn.sigmoid(maps.logits[number]),
        jax.nn.sigmoid(maps.centerness[number]),
        maps.distances[number],
        points,
        size,
        SCALE,
        score_threshold=0.03,
        level_candidates=200,
        class_candidates=200,
        capacity=100,
    )
    boxes, scores, labels, _, valid = map(np.asarray, found)
    want = record(f"{frame}/all_bboxes")
    assert valid.sum() == len(want) > 20 and valid[: len(want)].all()
    np.testing.assert_array_equal(labels[valid], record(f"{frame}/all_labels"))
    assert np.abs(boxes[valid] - want[:, :4]).max() < BOX_TOLERANCE
    assert np.abs(scores[valid] - want[:, 4]).max() < SCORE_TOLERANCE
