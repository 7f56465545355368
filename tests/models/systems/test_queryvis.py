"""What QueryVIS promises beside what it shares with other systems."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import linen as nn
from models.naive_query_tracking import NaiveTracking, detections, embedding
from models.tiny import HEIGHT, IMAGE_SIZE, WIDTH, frame_pairs
from models.tiny_queryvis import tiny_config, tiny_system
from models.total_loss import total_loss

from ovis_jax.models.batch_norm import RUNNING_STATS
from ovis_jax.models.build import build_system, init_variables
from ovis_jax.models.heads.query import QueryOutputs, decode_queries
from ovis_jax.models.heads.query_track import KINDS, QueryTrackHead
from ovis_jax.models.systems.queryvis import STRIDES, QueryFeatures
from ovis_jax.ops.row_keys import RowKeys
from ovis_jax.structures import Window

QUERIES, CHANNELS, CLASSES = 9, 16, 5
SCALE = np.float32([0.5, 0.4])


def with_instances(batch, **fields):
    return batch.replace(instances=batch.instances.replace(**fields))


def finite(tree):
    return all(np.isfinite(x).all() for x in jax.tree.leaves(tree))


def test_objects_beyond_the_number_of_queries_have_none_and_are_counted():
    system, variables = tiny_system()
    batch = frame_pairs()
    crowded = with_instances(batch, valid=jnp.ones_like(batch.instances.valid))
    capacity, queries = batch.instances.valid.shape[-1], system.queries.num_queries
    assert capacity > queries
    (_, (losses, metrics)), gradient = total_loss(system, variables, crowded)
    assert metrics["positive_queries"] == queries
    assert metrics["objects_without_query"] == capacity - queries
    assert all(x > 0 for x in losses.values()) and finite((losses, gradient))
    (_, (_, metrics)), _ = total_loss(system, variables, batch)
    assert metrics["objects_without_query"] == 0


def test_objects_of_one_pixel_leave_losses_and_gradients_finite():
    batch = frame_pairs()
    masks = np.zeros((*batch.instances.masks.shape[:3], HEIGHT, WIDTH), bool)
    masks[..., 20, 20] = True
    masks = jnp.asarray(np.packbits(masks, axis=-1))
    for end in (21.0, 20.0):  # with a side, and without one
        boxes = jnp.broadcast_to(jnp.array([20.0, 20, end, end]), batch.instances.boxes.shape)
        small = with_instances(batch, boxes=boxes, masks=masks)
        (_, (losses, _)), gradient = total_loss(*tiny_system(), small)
        assert losses["box"] > 0 and losses["mask"] > 0
        assert finite((losses, gradient))


class PooledFrames(nn.Module):
    """A backbone of almost nothing."""

    channels: int = CHANNELS

    @nn.compact
    def __call__(self, frames):
        x = nn.Dense(self.channels)(frames)
        return tuple(nn.avg_pool(x, (n, n), (n, n)) for n in STRIDES)


class NoNeck(nn.Module):
    """A neck of nothing."""

    def __call__(self, levels):
        return levels


def bare_system(**model):
    """The tiny system on pooled frames, and its variables."""
    system = build_system(tiny_config(**model)).clone(backbone=PooledFrames(), neck=NoNeck())
    return system, init_variables(system, jax.random.key(0))


def track_config(kind):
    return dict(kind=kind, channels=16, hidden=4)


@pytest.mark.exhaustive
@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "vanilla"])
def test_embeddings_of_queries_learn_from_the_queries_of_the_reference_frame(kind):
    system, variables = bare_system(track=track_config(kind))
    keys = RowKeys.of(jax.random.key(1), 2)

    def losses(variables, frames):
        batch = frame_pairs().replace(frames=frames)
        return system.apply(variables, batch, keys, method="losses")[0]["track"].value

    batch = frame_pairs()
    run = jax.jit(jax.value_and_grad(losses))
    value, gradient = run(variables, batch.frames)
    assert value > 0 and finite(gradient)
    for part in ("track", "stages_1", "queries"):
        own = jax.tree.leaves(gradient["params"][part])
        assert max(np.abs(x).max() for x in own) > 0
    other, _ = run(variables, batch.frames.at[:, 1].set(255 - batch.frames[:, 1]))
    assert other != value


@pytest.mark.exhaustive
def test_training_moves_the_running_statistics_unless_there_are_no_objects():
    system, variables = bare_system()
    keys = RowKeys.of(jax.random.key(1), 2)

    @jax.jit
    def moved(variables, valid):
        batch = with_instances(frame_pairs(), valid=valid)
        return system.apply(variables, batch, keys, method="losses", mutable=[RUNNING_STATS])[1]

    valid = frame_pairs().instances.valid
    before = jax.tree.leaves(variables[RUNNING_STATS])
    after = jax.tree.leaves(moved(variables, valid)[RUNNING_STATS])
    assert before and all(not np.array_equal(a, b) for a, b in zip(before, after, strict=True))
    same = jax.tree.leaves(moved(variables, jnp.zeros_like(valid))[RUNNING_STATS])
    jax.tree.map(np.testing.assert_array_equal, same, before)


def random_windows(count):
    """Windows of random features; objects of one frame come again in the next ones."""
    rng = np.random.default_rng(0)
    pyramid = tuple(
        rng.normal(size=(1, HEIGHT // n, WIDTH // n, CHANNELS)).astype(np.float32) for n in STRIDES
    )
    corner = rng.uniform(-10, 50, size=(1, QUERIES, 2))
    rois = np.concatenate([corner, corner + rng.uniform(5, 260, (1, QUERIES, 2))], -1)
    fixed = {name: rng.normal(size=(1, QUERIES, CHANNELS)) for name in ("attended", "features")}
    logits = rng.normal(-1, 2, size=(1, QUERIES, CLASSES))
    for _ in range(count):
        noise = {name: x + 0.2 * rng.normal(size=x.shape) for name, x in fixed.items()}
        outputs = QueryOutputs(
            rois=rois,
            deltas=0.1 * rng.normal(size=rois.shape),
            logits=logits + rng.normal(size=logits.shape),
            **noise,
        )
        queries = jax.tree.map(lambda x: np.float32(x), outputs)
        size = np.float32(IMAGE_SIZE)
        yield Window(QueryFeatures(pyramid, queries), np.ones(1, bool), size, SCALE)


def tracking_system(kind):
    """The tiny system with an own track head; windows need no backbone."""
    system, variables = tiny_system()
    head = QueryTrackHead(**track_config(kind))
    rois, queries = jnp.zeros((1, 7, 7, CHANNELS)), jnp.zeros((1, CHANNELS))
    own = jax.jit(head.init)(jax.random.key(0), rois, queries, queries)
    params = variables["params"] | {"track": own["params"]}
    return system.clone(track=head), variables | {"params": params}


@pytest.mark.parametrize(
    "kind", [pytest.param(x, marks=[pytest.mark.exhaustive] * (x == "dynamic")) for x in KINDS]
)
def test_tracks_are_those_of_the_sequential_reading(kind):
    system, variables = tracking_system(kind)
    params = jax.tree.map(np.asarray, variables["params"]["track"])
    capacity, memory = system.capacity.detections, system.tracker.init_memory(30, 16)

    @jax.jit
    def step(variables, memory, window):
        found = system.apply(variables, window, method="detect")
        frame = jax.tree.map(lambda x: x[:1], window.features)
        masks = system.apply(variables, frame.pyramid, frame.queries, method="segment")
        return found, masks[0], *system.tracker.step(memory, found)

    naive, seen = NaiveTracking(), []
    for window in random_windows(4):
        queries = jax.tree.map(lambda x: x[0], window.features.queries)
        boxes = np.asarray(queries.boxes)
        want = detections(queries.logits, boxes, SCALE, system.score_threshold, capacity)
        own = [
            embedding(
                kind,
                params,
                [x[0] for x in window.features.pyramid],
                boxes[query],
                queries.features[query],
                queries.attended[query],
            )
            for query, *_ in want
        ]
        ids, holders = naive.step(want, own)
        found, masks, memory, output = step(variables, memory, window)
        count = len(want)
        assert found.valid.sum() == count > 1
        assert found.labels[:count].tolist() == [label for _, label, *_ in want]
        np.testing.assert_allclose(found.scores[:count], [x[2] for x in want], rtol=1e-5)
        np.testing.assert_allclose(found.boxes[:count], [x[3] for x in want], rtol=1e-4, atol=1e-3)
        np.testing.assert_allclose(found.embeddings[:count], own, rtol=1e-3, atol=1e-4)
        own_masks = [masks[query, :, :, label] for query, label, *_ in want]
        np.testing.assert_allclose(found.mask_logits[:count], own_masks, rtol=1e-4, atol=1e-5)
        assert output.ids[:count].tolist() == ids
        assert np.flatnonzero(output.valid).tolist() == sorted(holders.values())
        seen += ids
    assert len(set(seen)) < len(seen) and memory.count == len(naive.boxes)


def decoded(logits, **settings):
    boxes = np.arange(4 * len(logits), dtype=np.float32).reshape(-1, 4)
    return decode_queries(np.float32(logits), boxes, np.float32([2, 4]), **settings)


def test_a_query_is_one_object_or_one_for_each_class():
    logits = [[2.0, 1.0, -9.0], [0.0, 3.0, 0.0]]
    single = decoded(logits, score_threshold=0.1, capacity=4, single_label=True)
    assert single.valid.tolist() == [True, True, False, False] and single.overflow == 0
    assert single.source[:2].tolist() == [1, 0] and single.labels[:2].tolist() == [1, 0]
    np.testing.assert_array_equal(single.boxes[0], [2.0, 1.25, 3.0, 1.75])
    every = decoded(logits, score_threshold=0.1, capacity=4, single_label=False)
    pairs = list(zip(every.source.tolist(), every.labels.tolist(), strict=True))
    assert every.valid.all() and every.overflow == 1
    assert pairs == [(1, 1), (0, 0), (0, 1), (1, 0)]  # the last of two equals that fit


def test_no_query_above_the_threshold_is_no_detection():
    found = decoded([[-9.0, -8.0]], score_threshold=0.1, capacity=3, single_label=True)
    assert not found.valid.any() and not found.scores.any() and found.overflow == 0


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        (dict(num_stages=0), "num_stages: 0, expected at least 1"),
        (dict(track=track_config("wave")), "track.kind is 'wave'; expected one of"),
        (dict(mask=dict(norm="layer")), "norm is 'layer'; expected one of"),
    ],
)
def test_wrong_values_are_named(fields, message):
    config = tiny_config().copy_and_resolve_references().unlock()
    config.model.update(fields)
    with pytest.raises(ValueError, match=message):
        jax.eval_shape(lambda key: init_variables(build_system(config), key), jax.random.key(0))


def test_boxes_that_include_their_last_pixel_are_refused():
    config = tiny_config().copy_and_resolve_references().unlock()
    config.data.inclusive_boxes = True
    with pytest.raises(ValueError, match="inclusive_boxes: True, expected False for queryvis"):
        build_system(config)
