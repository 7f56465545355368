"""SipMask with and without calibration: what training and inference promise."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from models.detections import detect, random_frames
from models.tiny import HEIGHT, IMAGE_SIZE, WIDTH, frame_pairs
from models.tiny_sipmask import tiny_config, tiny_system
from models.total_loss import total_loss, training_metrics

from ovis_jax.models.build import build_system
from ovis_jax.models.heads.track_map import embeddings_at


@pytest.mark.exhaustive
def test_positive_points_beyond_the_capacity_are_counted():
    system, variables = tiny_system()
    metrics = training_metrics(system, variables, frame_pairs())
    assert metrics["lost_positives"] == 0
    few = system.clone(capacity=system.capacity.replace(positives=3))
    metrics = training_metrics(few, variables, frame_pairs())
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


@pytest.mark.parametrize("basis_calibrated", [True, False])
def test_basis_maps_are_read_from_calibrated_maps_or_from_the_query(basis_calibrated):
    base, variables = tiny_system()
    system = base.clone(basis_calibrated=basis_calibrated)

    @jax.jit
    def basis_and_source(frames):
        def both(system):
            pyramid = system.encode(frames, jnp.tile(jnp.array(IMAGE_SIZE), (2, 1)))
            query, reference = (tuple(x[i : i + 1] for x in pyramid) for i in (0, 1))
            maps = system.fcos(system.calibrate(query, reference))
            source = maps if basis_calibrated else system.fcos(query)
            return system.basis(query, maps), system.mask.basis(source.box_features)

        return system.apply(variables, method=both)

    got, want = basis_and_source(random_frames(2))
    assert got.max() > 0
    np.testing.assert_allclose(got, want, rtol=1e-5, atol=1e-7)


def test_embeddings_of_a_tracking_map_that_is_not_calibrated_are_those_of_the_query():
    system, variables = tiny_system()
    frames = random_frames()
    found = detect(system, variables, frames, [True] * 5)

    @jax.jit
    def own_map(frame):
        def track_map(system):
            return system.track(system.encode(frame, jnp.array([IMAGE_SIZE])))

        return system.apply(variables, method=track_map)

    want = embeddings_at(own_map(frames[2:3])[0], 0.5 * found.boxes[found.valid])
    assert len(want)
    np.testing.assert_allclose(found.embeddings[found.valid], want, rtol=1e-4, atol=1e-6)
    calibrated = detect(system.clone(track_calibrated=True), variables, frames, [True] * 5)
    assert np.abs(calibrated.embeddings - found.embeddings).max() > 1e-6


def test_an_unknown_average_is_refused():
    with pytest.raises(ValueError, match="median"):
        build_system(tiny_config(average_masks="median"))


def test_masks_are_drawn_on_the_whole_frame_and_only_inside_their_boxes():
    system, variables = tiny_system()
    found = detect(system, variables, random_frames(), [True] * 5)
    # The frame is shown at half size, its grid at a quarter.
    assert found.mask_logits.shape[1:] == (HEIGHT // 2, WIDTH // 2)
    assert np.floor(found.mask_boxes[0]).tolist() == [0, 0, 2 * WIDTH - 1, 2 * HEIGHT - 1]
    drawn = 0
    for box, logits in zip(found.boxes[found.valid], found.mask_logits[found.valid], strict=True):
        rows, columns = np.nonzero(np.asarray(logits) > -60)
        drawn += len(rows) > 0
        if len(rows):
            assert columns.min() >= box[0] / 4 and columns.max() < box[2] / 4
            assert rows.min() >= box[1] / 4 and rows.max() < box[3] / 4
    assert drawn > 2
    limit = 2 * np.array(IMAGE_SIZE)[[1, 0, 1, 0]] - 2
    assert (np.asarray(found.boxes) <= limit).all()
