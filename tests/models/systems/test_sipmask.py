"""SipMask with and without calibration: what training and inference promise."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from models.detections import detect, random_frames
from models.tiny import HEIGHT, IMAGE_SIZE, WIDTH, frame_pairs
from models.tiny_sipmask import tiny_config, tiny_system
from models.total_loss import total_loss

from ovis_jax.models.build import build_system
from ovis_jax.models.heads.track_map import embeddings_at


def test_positive_points_beyond_the_capacity_are_counted():
    system, variables = tiny_system()
    _, (_, metrics) = total_loss(system, variables, frame_pairs())[0]
    assert metrics["lost_positives"] == 0
    few = system.clone(capacity=system.capacity.replace(positives=3))
    losses = jax.jit(lambda *a: few.apply(variables, *a, method="losses")[1])
    metrics = losses(frame_pairs(), jax.random.key(1))
    assert metrics["lost_positives"] == metrics["positive_points"] - 3 > 0


def test_inverted_and_huge_predicted_boxes_leave_losses_and_gradients_finite():
    system, variables = tiny_system()
    for bias in (-40.0, 0.0, 1e4):
        params = jax.tree.map(lambda x: x, variables["params"])
        params["fcos"]["distances"]["bias"] = jnp.full(4, bias)
        (total, _), gradient = total_loss(system, variables | {"params": params}, frame_pairs())
        assert np.isfinite(total)
        assert all(np.isfinite(x).all() for x in jax.tree.leaves(gradient))


@pytest.mark.parametrize(
    ("box", "cell"),
    [
        ([8, 8, 24, 8], (1, 2)),
        ([-90, -90, -10, -10], (0, 0)),
        ([500, 3, 900, 3], (0, 3)),
        ([0, 500, 0, 900], (2, 0)),
    ],
)
def test_a_box_whose_centre_is_outside_the_map_reads_the_nearest_cell(box, cell):
    track_map = jnp.arange(12.0).reshape(3, 4, 1)
    got = embeddings_at(track_map, jnp.array([box], jnp.float32))
    assert got[0] == track_map[cell]


def test_what_does_not_read_calibrated_maps_reads_the_query():
    base, variables = tiny_system()
    system = base.clone(track_calibrated=True, basis_calibrated=False)
    a = detect(base, variables, random_frames(), [True] * 5)
    b = detect(system, variables, random_frames(), [True] * 5)
    assert a.valid.any()
    np.testing.assert_allclose(a.boxes, b.boxes, atol=1e-4)
    for field in ("embeddings", "mask_logits"):
        x, y = (np.asarray(getattr(d, field))[a.valid] for d in (a, b))
        assert np.abs(x - y).max() > 1e-6, field


def test_an_unknown_average_is_refused():
    with pytest.raises(ValueError, match="median"):
        build_system(tiny_config(average_masks="median"))


def test_masks_are_drawn_on_the_whole_frame_and_only_inside_their_boxes():
    system, variables = tiny_system()
    found = detect(system, variables, random_frames(), [True] * 5)
    # The frame is shown at half size, its grid at a quarter.
    assert found.mask_logits.shape[1:] == (HEIGHT // 2, WIDTH // 2)
    assert np.floor(found.mask_boxes[0]).tolist() == [0, 0, 2 * WIDTH - 1, 2 * HEIGHT - 1]
    for box, logits in zip(found.boxes[found.valid], found.mask_logits[found.valid], strict=True):
        rows, columns = np.nonzero(np.asarray(logits) > -60)
        if len(rows):
            assert columns.min() >= box[0] / 4 and columns.max() < box[2] / 4
            assert rows.min() >= box[1] / 4 and rows.max() < box[3] / 4
    limit = 2 * np.array(IMAGE_SIZE)[[1, 0, 1, 0]] - 2
    assert (np.asarray(found.boxes) <= limit).all()
