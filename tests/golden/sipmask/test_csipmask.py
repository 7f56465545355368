"""CSipMask against recorded numbers of one reading of the paper; no code of it was published.

Calibration of P3...P7, the head once for every reference; class and centerness logits, distances
and mask probabilities averaged.
"""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from golden.comparison import BOX_TOLERANCE, MAP_TOLERANCE
from golden.sipmask.sipmask_model import (
    LEVELS,
    SCORE_TOLERANCE,
    apply,
    assert_recorded,
    assert_recorded_mask,
    calibrated_sipmask,
    clip,
    clip_scale,
    clip_sizes,
    levels,
)
from golden_folder import golden_arrays, golden_json

from ovis_jax.structures import Window

RECORDED = golden_json("sipmask", "csipmask/csipmask.json")
FRAME, REFERENCES = RECORDED["frame"], RECORDED["references"]
LENGTH = max(FRAME, *REFERENCES) + 1  # of the clip
CENTER = 5  # of the window of eleven frames

pytestmark = pytest.mark.exhaustive


def record(name):
    return golden_arrays("sipmask", "csipmask/csipmask.npz")[name]


def run(method, *arguments):
    return apply(method, *arguments, model=calibrated_sipmask)


def everything(system, frames, sizes):
    """The pyramid of all frames, and all that is recorded for the references, in one program."""
    pyramid = system.encode(frames, sizes)
    others = jnp.array(REFERENCES)
    query = [jnp.repeat(x[FRAME][None], len(others), axis=0) for x in pyramid]
    reference = [x[others] for x in pyramid]
    calibrated = system.calibrate(query, reference)
    maps = system.fcos(calibrated)
    return pyramid, {
        "offsets": [system.calibration.offsets(*x) for x in zip(query, reference, strict=True)],
        "calibrated": calibrated,
        "maps": maps,
        "coefficients": system.mask.coefficients(maps.class_features),
        "basis": system.mask.basis(maps.box_features),
    }


@pytest.fixture(scope="module")
def pyramid_and_stages():
    return run(everything, clip()[:LENGTH], clip_sizes()[:LENGTH])


@pytest.fixture(scope="module")
def pyramid(pyramid_and_stages):
    return pyramid_and_stages[0]


@pytest.fixture(scope="module")
def ours(pyramid_and_stages):
    return pyramid_and_stages[1]


@pytest.mark.parametrize("number", range(5))
def test_calibrated_levels(ours, number):
    offsets, calibrated = ours["offsets"][number], ours["calibrated"][number]
    for i, reference in enumerate(REFERENCES):
        assert_recorded(offsets[i], record(f"ref{reference}/offset_{LEVELS[number]}"))
        assert_recorded(calibrated[i], record(f"ref{reference}/calib_{LEVELS[number]}"))


def test_the_first_level_everywhere(ours):
    assert_recorded(ours["offsets"][0][0], record(f"ref{REFERENCES[0]}/offset_p3_full"))
    assert_recorded(ours["calibrated"][0][0], record(f"ref{REFERENCES[0]}/calib_p3_full"))


def test_predictions_of_every_reference_and_their_means(pyramid, ours):
    maps, coefficients = ours["maps"], ours["coefficients"]
    joined = {"cls": maps.logits, "reg": maps.distances, "ctr": maps.centerness[..., None]}
    every = joined | {"coef": coefficients.reshape(*coefficients.shape[:2], -1)}
    for i, reference in enumerate(REFERENCES):
        assert_recorded(ours["basis"][i], record(f"ref{reference}/basis"))
        for name, values in every.items():
            for own, level in zip(levels(values[i], pyramid), LEVELS, strict=True):
                assert_recorded(own, record(f"ref{reference}/{name}_{level}"))
    for name, values in joined.items():
        for own, level in zip(levels(values.mean(0), pyramid), LEVELS, strict=True):
            assert_recorded(own, record(f"mean/{name}_{level}"))


def test_detections_of_the_averages(pyramid):
    frames = np.arange(FRAME - CENTER, FRAME + CENTER + 1)
    valid = (frames >= 0) & (frames < LENGTH)
    window = Window(
        features=tuple(x[np.clip(frames, 0, LENGTH - 1)] for x in pyramid),
        valid=jnp.asarray(valid),
        image_size=jnp.float32(clip_sizes()[0]),
        scale=clip_scale(),
    )
    found = jax.device_get(run("detect", window))
    want = record("det_bboxes")
    assert found.valid.sum() == len(want)
    np.testing.assert_array_equal(found.labels, record("det_labels"))
    assert np.abs(found.boxes - want[:, :4]).max() < BOX_TOLERANCE
    assert np.abs(found.scores - want[:, 4]).max() < SCORE_TOLERANCE
    probs = 1 / (1 + np.exp(-found.mask_logits.astype(np.float64)))
    assert np.abs(probs - record("mean_soft_masks")).max() < MAP_TOLERANCE
    each = zip(found.mask_logits, found.mask_boxes, RECORDED["detections"], strict=True)
    for logits, box, detection in each:
        assert_recorded_mask(logits, box, detection["mask"])
