"""FEELVOS: what it teaches, remembers and puts out."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from models import tiny_feelvos
from models.tiny import HEIGHT, WIDTH, frame_pairs

from configs import quickstart_feelvos, quickstart_masktrack
from ovis_jax.models.build import build_model, build_system
from ovis_jax.models.propagated_objects import (
    empty_memory,
    frame_output,
    remembered,
    spread_references,
    taught_objects,
)
from ovis_jax.ops.resize import bilinear_weights
from ovis_jax.ops.row_keys import RowKeys
from ovis_jax.structures import Detections
from ovis_jax.tracking.propagation import Links

SHAPE, SLOTS, SIZE, PIXELS = (4, 6), 3, 2, 5


def test_the_parameters_of_mask_track_rcnn_are_a_part_of_it():
    own = build_model(quickstart_feelvos.get_config())[1]["params"]
    detector = build_model(quickstart_masktrack.get_config())[1]["params"]
    assert set(own) - set(detector) == {"embedding", "propagation"}
    assert jax.tree.map(jnp.shape, {name: own[name] for name in detector}) == jax.tree.map(
        jnp.shape, detector
    )


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda config: config.data.clip.update(mask_frames=1), "mask_frames"),
        (lambda config: config.model.update(hardest_share=0.0), "hardest_share"),
        (lambda config: config.model.rules.update(min_iou=0.0), "min_iou"),
    ],
)
def test_settings_that_make_no_sense_are_refused(change, message):
    config = quickstart_feelvos.get_config().copy_and_resolve_references().unlock()
    change(config)
    with pytest.raises(ValueError, match=message):
        build_system(config)


def test_objects_of_the_reference_frame_are_taught_in_all_frames_by_their_identity():
    instances = jax.tree.map(lambda x: np.array(x[0]), frame_pairs(num_valid=3).instances)
    for field in (instances.boxes, instances.labels, instances.masks, instances.identities):
        field[1, :3] = field[1, [2, 0, 1]]  # in other slots of the second frame
    instances.valid[1, :3] = [False, True, True]
    labels, exist = jax.jit(taught_objects, static_argnums=1)(instances, 2)
    np.testing.assert_array_equal(exist, [True, True])  # the third one is background
    masks = np.unpackbits(instances.masks, axis=-1).astype(bool)
    for frame, slots in enumerate([(0, 1), (1, 2)]):
        want = np.zeros((HEIGHT, WIDTH), int)
        for number, slot in reversed(list(enumerate(slots))):  # the first one is above
            want[masks[frame, slot]] = 1 + number
        np.testing.assert_array_equal(labels[frame], want)


def naive_cues(embeddings, owners, count, radius):
    """Of three frames, in float64: cues [h, w, count, 3]; every reference pixel is compared."""
    reference, before, current = np.float64(embeddings)
    height, width = owners.shape[1:]
    out = np.ones((height, width, count, 3))
    places = list(np.ndindex(height, width))
    for y, x in places:
        for number in range(count):
            out[y, x, number, 1] = owners[1, y, x] == number
            for channel, frame, labels in ((0, reference, owners[0]), (2, before, owners[1])):
                squares = [
                    ((current[y, x] - frame[i, j]) ** 2).sum()
                    for i, j in places
                    if labels[i, j] == number
                    and (channel == 0 or max(abs(i - y), abs(j - x)) <= radius)
                ]
                if squares:
                    out[y, x, number, channel] = 2 / (1 + np.exp(-min(squares))) - 1
    return out


def test_the_loss_is_that_of_the_published_recipe_written_pixel_by_pixel():
    system, variables = tiny_feelvos.tiny_system(reference_pixels=64, hardest_share=0.3)
    params, rng = variables["params"], np.random.default_rng(0)
    channels = params["embedding"]["conv"]["depthwise"]["bias"].shape[0]
    features = rng.normal(size=(1, 3, 4, 6, channels)).astype(np.float32)
    labels = np.repeat(np.repeat(rng.integers(0, 3, (1, 3, 4, 6)), 4, 2), 4, 3).astype(np.int32)
    exist, size = np.array([[True, True, False]]), np.array([[14, 24]])
    got = jax.jit(
        lambda *x: system.apply(
            variables, *x, RowKeys.of(jax.random.key(0), 1), method="propagation_loss"
        )
    )(features, (labels, exist), size)

    embeddings = jax.jit(system.embedding.apply)({"params": params["embedding"]}, features[0])
    owners = labels[0, :, ::4, ::4].copy()
    inside = 4 * (np.arange(4) + 0.5) < 14  # the last row of cells has its centre at 14
    owners[:, ~inside] = -1
    cues = naive_cues(embeddings, owners, 4, system.radius)
    logits = jax.jit(system.propagation.apply)(
        {"params": params["propagation"]}, features[:, -1], np.float32(cues[None])
    )[0]
    rows, columns = bilinear_weights(4, 16), bilinear_weights(6, 24)
    logits = np.einsum("ih,hwo,jw->ijo", rows, np.float64(logits), columns)[:14, :, :3]
    own = np.take_along_axis(logits, labels[0, 2, :14, :, None], -1)[..., 0]
    entropy = np.sort((np.log(np.exp(logits).sum(-1)) - own).ravel())[::-1]
    np.testing.assert_allclose(got.value, entropy[: int(0.3 * entropy.size)].mean(), rtol=1e-4)


@pytest.fixture
def before():
    """A memory with a track in slot 0, whose references hold 7."""
    memory = empty_memory(SLOTS, SHAPE, SIZE, PIXELS)
    references = jax.tree.map(lambda x: jnp.full_like(x, 7), memory.references)
    tracks = memory.tracks.replace(live=jnp.arange(SLOTS) == 0, count=jnp.int32(1))
    return memory.replace(tracks=tracks, references=references)


def frame(seed=0):
    """Embeddings, probabilities and owners: slot 0 on the left, slot 1 in a corner."""
    rng = np.random.default_rng(seed)
    embeddings = rng.normal(size=(*SHAPE, SIZE)).astype(np.float32)
    probs = rng.dirichlet(np.ones(1 + SLOTS), SHAPE).astype(np.float32)
    owners = np.zeros(SHAPE, np.int32)
    owners[:, :2], owners[2:, 4:] = 1, 2
    return embeddings, probs, owners


def links(born):
    return Links(jnp.array([3, 1, -1]), jnp.array([False, born, False]), jnp.int32(0))


def test_references_are_those_of_the_frame_in_which_a_track_began(before):
    embeddings, probs, owners = frame()
    after = remembered(before, before.tracks, links(born=True), (embeddings, probs, owners))
    assert np.all(after.references.embeddings[0 + 1] == 7)  # it began earlier
    got, exist = np.asarray(after.references.embeddings), np.asarray(after.references.exist)
    np.testing.assert_array_equal(got[2, exist[2]], embeddings[owners == 2])
    assert exist[2].sum() == 4  # pixels that it has
    background = {tuple(x) for x in embeddings[owners == 0]}
    assert exist[0].all() and {tuple(x) for x in got[0]} <= background
    np.testing.assert_array_equal(after.probs[3, 5], [0, 0, 1, 0])  # what it holds is sure
    np.testing.assert_array_equal(after.probs[:, :2], probs[:, :2])


def test_without_a_new_track_only_what_the_previous_frame_was_is_remembered(before):
    embeddings, probs, owners = frame(1)
    after = remembered(before, before.tracks, links(born=False), (embeddings, probs, owners))
    jax.tree.map(np.testing.assert_array_equal, after.references, before.references)
    for got, want in ((after.embeddings, embeddings), (after.probs, probs), (after.owners, owners)):
        np.testing.assert_array_equal(got, want)
    assert jax.tree.map(jnp.shape, after) == jax.tree.map(jnp.shape, before)


def test_an_object_that_is_nowhere_has_no_reference():
    references = spread_references(jnp.ones((*SHAPE, SIZE)), jnp.full(SHAPE, -1), 2, PIXELS)
    assert not references.exist.any()


def test_output_has_scores_of_detections_and_the_boxes_of_regions(before):
    embeddings, probs, owners = frame()
    live = jnp.array([True, True, True])
    after = remembered(before, before.tracks, links(True), (embeddings, probs, owners))
    after = after.replace(tracks=after.tracks.replace(live=live, ids=jnp.array([4, 9, 2])))
    logits = np.random.default_rng(2).normal(size=(*SHAPE, 1 + SLOTS)).astype(np.float32)
    drawn = np.where(owners == 2, 0.9, 0.1).astype(np.float32) * np.ones((4, 1, 1), np.float32)
    scores, count = np.float32([0.1, 0.8, 0.3, 0.6]), np.zeros(4, np.int32)
    boxes = np.zeros((4, 4), np.float32)
    found = Detections(boxes, scores, count, boxes, drawn, boxes, count == 0, jnp.int32(2))
    output = frame_output(after, links(born=True), (logits, drawn), found, jnp.float32([0.5, 0.25]))
    np.testing.assert_array_equal(output.valid, [True, True, False])  # the last holds no pixel
    np.testing.assert_array_equal(output.scores, np.float32([0.6, 0.8, 0]))
    np.testing.assert_array_equal(output.boxes[0], [0, 0, 8 / 0.5, 16 / 0.25])
    np.testing.assert_array_equal(output.boxes[1], [16 / 0.5, 8 / 0.25, 24 / 0.5, 16 / 0.25])
    np.testing.assert_array_equal(output.mask_boxes[0], [0, 0, 24 / 0.5, 16 / 0.25])
    np.testing.assert_allclose(output.mask_logits[0], logits[..., 1] - logits[..., 0], rtol=1e-6)
    np.testing.assert_array_equal(output.mask_logits[1] > 0, owners == 2)
    assert output.overflow == 2
