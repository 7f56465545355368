"""What STEm-Seg promises beyond what every system does."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from models.systems import naive_stem_seg
from models.tiny import frame_pairs
from models.tiny_stem_seg import tiny_config

from ovis_jax.formats.errors import InputError
from ovis_jax.inference.stream import VideoStream
from ovis_jax.models.build import build_model, build_system
from ovis_jax.models.clip_matching import clip_objects
from ovis_jax.models.heads.cluster_embedding import (
    PixelEmbeddings,
    all_bandwidths,
    space_bandwidths,
)
from ovis_jax.models.heads.semantic import SemanticLogits
from ovis_jax.models.systems.stem_seg import StemSeg
from ovis_jax.ops.clip_schedule import NEVER
from ovis_jax.ops.clustering import cluster_pixels

SIDE, CLASSES = 4, 5
RANDOM_SIDE = 12


class KnownPixels(StemSeg):
    """A system that knows what is where, so that every label can be told in advance.

    A frame is its number. Two squares lie side by side; the one on the right appears in frame 3.
    Clips disagree about the foreground of frame 2: those that start with it alone see it.
    """

    def encode(self, frames, image_size):
        del image_size
        return (frames,)

    def decode(self, pyramid):
        number = pyramid[0][..., 0]  # [1, T, h, w]
        right = jnp.broadcast_to(jnp.arange(SIDE) >= SIDE // 2, number.shape)
        embeddings = jnp.where(right[..., None], 5.0, -5.0) * jnp.ones(4)
        starts = number == number[:, :1]
        foreground = jnp.where(right & (number < 3), -1.0, 1.0)
        foreground = jnp.where((number == 2) & starts, 8.0, foreground)
        classes = jax.nn.one_hot(jnp.where(right, 2, 1), CLASSES + 1)
        return (
            PixelEmbeddings(embeddings, jnp.zeros((*number.shape, 2)), jnp.where(right, 0.9, 0.95)),
            SemanticLogits(classes, foreground),
        )


def of_pixels(kind, config):
    """A system of another kind with the settings of a configuration."""
    own = build_system(config)
    names = (x for x in StemSeg.__dataclass_fields__ if x.islower() and x not in ("parent", "name"))
    return kind(**{name: getattr(own, name) for name in names})


@functools.cache
def stream():
    return VideoStream(of_pixels(KnownPixels, tiny_config()), {}, chunk=3, tracks=1)


def frames_of(stream, length, side=SIDE):
    """Outputs of the frames of a video, one by one."""
    frames = [np.full((side, side, 1), t, np.float32) for t in range(length)]
    found = []
    for chunk in stream(frames, (4 * side, 4 * side), 1.0):
        own = jax.device_get(chunk.frames)
        for slot in range(len(own.valid)):
            if 0 <= chunk.first_frame + slot < length:
                found.append(jax.tree.map(lambda x, s=slot: x[s], own))
            else:
                assert not own.valid[slot].any()
    return found


def identities(length):
    """The map of identities of every frame, and the classes by identity."""
    maps, classes = [], {}
    for own in frames_of(stream(), length):
        inside = (own.mask_logits > 0) & own.valid[:, None, None]
        maps.append((inside * own.ids[:, None, None]).max(axis=0))
        visible = own.valid
        classes |= dict(zip(own.ids[visible].tolist(), own.labels[visible].tolist(), strict=True))
    return np.stack(maps), classes


@pytest.mark.parametrize("length", [1, 3, 4, 5, 7, 11])
def test_an_identity_goes_on_through_all_clips_of_videos_of_any_length(length):
    found, classes = identities(length)
    assert found.shape == (length, SIDE, SIDE)
    left, right = found[..., : SIDE // 2], found[..., SIDE // 2 :]
    assert (left == 1).all() and classes[1] == 0
    late = right[3:]
    if late.size:
        (number,) = np.unique(late)
        assert number > 1 and classes[number] == 1
    assert not right[:2].any()


def test_what_is_foreground_is_the_mean_of_all_clips_that_show_a_frame():
    """Clips of a longer video start with frame 2; its logits are 8 there and -1 elsewhere."""
    assert not identities(4)[0][2, :, SIDE // 2 :].any()
    assert identities(7)[0][2, :, SIDE // 2 :].all()


class RandomPixels(StemSeg):
    """A system that says something else of every clip."""

    def encode(self, frames, image_size):
        del image_size
        return (frames,)

    def decode(self, pyramid):
        own = random_clip(pyramid[0][0, -1, 0, 0, 0], self.schedule.num_frames)
        embeddings, variances, seediness, classes, foreground = (x[None] for x in own)
        return (
            PixelEmbeddings(embeddings, variances, seediness),
            SemanticLogits(classes, foreground),
        )


def random_clip(last, num_frames):
    """What is said of the clip that ends with a frame."""
    keys = jax.random.split(jax.random.fold_in(jax.random.key(5), last.astype(int)), 5)
    grid = (num_frames, RANDOM_SIDE, RANDOM_SIDE)
    return (
        0.25 * jax.random.normal(keys[0], (*grid, 4)),  # so that clusters are large
        jax.random.normal(keys[1], (*grid, 2)) - 1.5,
        jax.random.uniform(keys[2], grid),
        jax.random.normal(keys[3], (*grid, CLASSES + 1)),
        jax.random.normal(keys[4], grid) + 0.5,
    )


@pytest.mark.parametrize("stride, lengths", [(4, (2, 4, 7, 9, 10)), (1, (7,))])
def test_streaming_gives_what_the_published_order_of_things_gives(stride, lengths):
    config = tiny_config(cluster_stride=stride).copy_and_resolve_references().unlock()
    config.model.clustering.max_clusters = 3  # large ones: of small ones several share nothing
    system = of_pixels(RandomPixels, config)
    stream = VideoStream(system, {}, chunk=3, tracks=1)
    schedule = system.schedule
    program = jax.jit(functools.partial(cluster_pixels, rules=system.clustering))

    def cluster(*arrays):
        size = system.enlarged**2 * RANDOM_SIDE**2 * schedule.num_frames
        padded = (np.pad(x, [(0, size - len(x))] + [(0, 0)] * (x.ndim - 1)) for x in arrays)
        return np.asarray(program(*padded))[: len(arrays[0])]

    for length in lengths:
        clips = naive_stem_seg.clips_of(length, schedule.num_frames, schedule.overlap)
        said = [jax.device_get(random_clip(np.array(c[-1]), len(c))) for c in clips]
        said = [(x[0], bandwidths_of(x[1]), *x[2:]) for x in said]
        want, classes = naive_stem_seg.predict(said, clips, length, cluster, system.enlarged)
        found = frames_of(stream, length, RANDOM_SIDE)
        shown = [(x.mask_logits > 0) * x.ids[:, None, None] * x.valid[:, None, None] for x in found]
        np.testing.assert_array_equal(np.stack(shown).max(axis=1), want)
        for t, own in enumerate(found):
            for slot in np.flatnonzero(own.valid):
                inside = want[t] == own.ids[slot]
                assert own.scores[slot] == inside.sum()
                sums = classes[t][inside].sum(axis=0)[1:]
                np.testing.assert_allclose(own.class_scores[slot], sums, rtol=1e-4, atol=1e-3)


def bandwidths_of(variances):
    return np.asarray(all_bandwidths(space_bandwidths(variances), 4))


def test_the_memory_does_not_grow_with_the_video():
    system = build_system(tiny_config())
    shapes = tuple(jax.ShapeDtypeStruct((16 >> i, 24 >> i, 8), jnp.float32) for i in range(4))
    memory = system.apply({}, 10, shapes, method="init_memory")
    assert memory.known.clusters.shape == (4, 16, 24) and memory.known.clusters.dtype == jnp.int8
    assert memory.decoded.pixels.seediness.shape == (system.schedule.sharing, 4, 16, 24)
    assert memory.start == NEVER
    enlarged = build_system(tiny_config(cluster_stride=1))
    memory = enlarged.apply({}, 10, shapes, method="init_memory")
    assert memory.known.clusters.shape == (4, 64, 96)
    assert memory.decoded.pixels.seediness.shape == (system.schedule.sharing, 4, 16, 24)


def clip_losses(objects, **model):
    """Losses of one clip of random pixels."""
    rng, grid = np.random.default_rng(0), (2, 16, 24)
    pixels = PixelEmbeddings(
        embeddings=rng.normal(size=(*grid, 4)).astype(np.float32),
        variances=rng.normal(-2, 0.3, (*grid, 2)).astype(np.float32),
        seediness=rng.random(grid).astype(np.float32),
    )
    logits = SemanticLogits(np.zeros((*grid, CLASSES + 1), np.float32), np.zeros(grid, np.float32))
    found = clip_program(**model)(pixels, logits, objects)
    return {name: float(x) for name, x in found.items()}


@functools.cache
def clip_program(**model):
    system = build_system(tiny_config(**model))
    return jax.jit(lambda p, s, own: system.clip_losses(p, s, clip_objects(own, CLASSES)))


def test_an_object_that_is_too_small_shifts_the_targets_as_published_or_does_not():
    instances = jax.tree.map(lambda x: x[0], frame_pairs(num_pairs=1).instances)
    masks, valid = np.array(instances.masks), np.array(instances.valid)
    masks[:, 0], valid[:, 0] = 0, False
    absent = instances.replace(valid=jnp.asarray(valid))
    masks[:, 0, 9, 2] = 1  # one pixel, which a quarter of the size does not show
    small = instances.replace(masks=jnp.asarray(masks))
    mended = clip_losses(small)
    assert mended == pytest.approx(clip_losses(absent), rel=1e-5)
    published = clip_losses(small, shifted_targets=True)
    assert published["lovasz"] != pytest.approx(mended["lovasz"], rel=1e-3)
    assert published["smoothness"] == pytest.approx(mended["smoothness"], rel=1e-5)


def test_masks_of_all_frames_are_needed():
    config = tiny_config().copy_and_resolve_references().unlock()
    config.data.clip.mask_frames = 1
    with pytest.raises(InputError, match=r"mask_frames: 1, expected 4 for stem_seg"):
        build_model(config)


def test_a_canvas_without_a_whole_number_of_the_coarsest_cells_is_refused():
    config = tiny_config().copy_and_resolve_references().unlock()
    config.data.pad_multiple = 16
    with pytest.raises(InputError, match="pad_multiple: 16, expected a multiple of 32"):
        build_model(config)


@pytest.mark.parametrize(
    ("field", "value", "error"),
    [
        ("cluster_stride", 2, "cluster_stride is 2"),
        ("clips.overlap", 4, "overlap is 4"),
        ("clustering.second_pass", "last", "second_pass is 'last'"),
        ("clustering.max_clusters", 128, "max_clusters is 128; expected 1 to 127"),
        ("embedding.channels", (8, 8, 8), "ValueError"),
        ("stitching.least_overlap", 1, "least_overlap"),
    ],
)
def test_bad_values_are_named(field, value, error):
    config = tiny_config().copy_and_resolve_references().unlock()
    part, _, name = field.rpartition(".")
    (config.model[part] if part else config.model).unlock()[name] = value
    with pytest.raises(InputError, match=error):
        build_model(config)
