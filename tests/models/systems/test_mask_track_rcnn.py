"""MaskTrack R-CNN, which is CMaskTrack R-CNN without calibration and without references."""

import jax
import jax.numpy as jnp
import numpy as np
from models.detections import detect, random_frames
from models.tiny import frame_pairs, tiny_system
from models.total_loss import total_loss


def test_every_part_learns_without_calibration():
    (total, _), gradient = total_loss(*tiny_system(calibrated=False), frame_pairs())
    assert np.isfinite(total)
    assert set(gradient["params"]) == {"backbone", "neck", "rpn", "box", "mask", "track"}
    for part, tree in gradient["params"].items():
        assert max(float(jnp.abs(x).max()) for x in jax.tree.leaves(tree)) > 0, part


def test_the_frames_around_count_for_nothing_without_calibration():
    model, frames = tiny_system(calibrated=False), random_frames()
    a = detect(*model, frames, [True] * 5)
    b = detect(*model, 255 - frames.at[2].set(255 - frames[2]), [True] * 5)
    assert a.valid.any()
    jax.tree.map(np.testing.assert_array_equal, a, b)
