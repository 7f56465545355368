"""Augmented batches: the same from both loaders and after a restart; frames share a view."""

import itertools

import jax
import numpy as np
import pytest
import tiny_ovis
from tiny_coco import mixed_config
from tiny_downloads import build, write_ovis_download

from ovis_jax.data import order
from ovis_jax.data.box_transforms import transform_boxes
from ovis_jax.data.frame_files import read_frame
from ovis_jax.data.mask_transforms import transform_mask
from ovis_jax.data.pipeline import training_batches
from ovis_jax.data.samples import open_training_data
from ovis_jax.data.tfds.records_config import FRAMES, RecordsConfig
from ovis_jax.data.transforms import Resizing, training_geometry, transform_image
from ovis_jax.data.videos.samples import TrainingData
from ovis_jax.formats.annotations import load_annotations
from ovis_jax.formats.errors import InputError

CAPACITY, ROWS, SEED = 4, 4, 5
COLORS = dict(brightness=0.4, contrast=0.4, saturation=0.4, lighting=0.1)
KINDS = {
    "idol": dict(
        sizes=((64, 24), (64, 40)),
        crop=dict(probability=0.5, sides=(12, 24), short_sides=(20, 28)),
        colors=COLORS,
    ),
    "feelvos": dict(factors=(1.0, 1.3), crop=dict(probability=1.0, sides=(36, 36), when="after")),
    "sipmask": dict(size_ranges=((48, 64), (32, 40))),
    "trades": dict(warp=dict(scales=(0.6, 0.8, 1.0, 1.3), margin=16), colors=COLORS),
}
every_kind = pytest.mark.parametrize("kind", KINDS)


def augmented(data, kind):
    """The configuration with the augmentation of a kind, clips of three frames."""
    data = data.copy_and_resolve_references()
    data.augment.update(KINDS[kind])
    data.clip.update(num_frames=3, mask_frames=2)
    if kind == "trades":
        data.resize.fit = "centered"
    return data


@pytest.fixture(scope="module")
def mixed(tmp_path_factory):
    return mixed_config(tmp_path_factory.mktemp("mixed"), image_share=0.4)


@pytest.fixture(scope="module")
def videos(tmp_path_factory):
    return tiny_ovis.write_tiny_ovis(tmp_path_factory.mktemp("videos"))


def take(config, count, **options):
    data = open_training_data(config, CAPACITY)
    batches = training_batches(data, **{"batch_size": ROWS, "seed": SEED} | options)
    found = [next(batches) for _ in range(count)]
    batches.close()
    return found


def assert_equal(got, want):
    jax.tree.map(np.testing.assert_array_equal, got, want)


@every_kind
def test_both_loaders_give_the_same_batches_from_any_step(mixed, kind):
    config = augmented(mixed, kind)
    want = take(config, 8, loader="tf_data")
    assert_equal(take(config, 8, loader="threads"), want)
    for loader in ("tf_data", "threads"):
        assert_equal(take(config, 3, loader=loader, start_step=5), want[5:])


@every_kind
def test_views_are_those_of_the_seed_and_the_place_in_the_run(videos, kind):
    data = open_training_data(augmented(videos, kind), CAPACITY)
    places = [(seed, position) for seed in (0, 1) for position in range(20)]
    views = [data.draw(*place, 0).view for place in places]
    assert views == [data.draw(*place, 0).view for place in places]
    assert len(set(views)) > 10
    assert views[:20] != views[20:]


@every_kind
def test_clips_differ_and_fit_into_the_canvas_of_their_orientation(mixed, kind):
    config = augmented(mixed, kind)
    sizes, canvases, plain = set(), set(), mixed.copy_and_resolve_references()
    plain.clip.update(num_frames=3, mask_frames=2)
    for got, want in zip(take(config, 12), take(plain, 12), strict=True):
        np.testing.assert_array_equal(got.sample, want.sample)  # the order stays the same
        sizes |= set(map(tuple, got.image_size.tolist()))
        canvases.add(got.frames.shape[2:4])
        assert (got.image_size <= got.frames.shape[2:4]).all()
        for frames, (height, width) in zip(got.frames, got.image_size, strict=True):
            assert not frames[:, height:].any() and not frames[:, :, width:].any()
        assert not got.instances.masks[~got.instances.valid[:, :2]].any()
    assert len(canvases) <= 2
    assert len(sizes) > 4 or kind == "trades"


@every_kind
@pytest.mark.parametrize("image_share", [0.0, 1.0])
def test_objects_lie_where_their_pixels_are_in_every_frame(mixed, kind, image_share):
    config = augmented(mixed, kind)
    config.image_share = image_share
    config.pseudo_video.motion.update(dict.fromkeys(config.pseudo_video.motion, 0.0))
    config.augment.colors.update(dict.fromkeys(COLORS, 0.0))
    config.inclusive_boxes = False
    seen = [0, 0]
    for batch in take(config, 12):
        for row, t in np.ndindex(ROWS, 3):
            clip = jax.tree.map(lambda x, row=row: x[row], batch)
            for slot in range(CAPACITY):
                check_object(clip, t, slot, seen, reach=5 if kind == "idol" else 2)
    assert min(seen) > 60


def check_object(clip, t, slot, seen, reach):
    """The pixels of an object's colour, and its mask, fill its box but for `reach` at the border.

    There pixels are mixed; in windows that are enlarged after they were shrunk, more of them.
    """
    own = clip.instances
    if not own.valid[t, slot]:
        return
    label = int(own.labels[t, slot])
    seen[label] += 1
    red = np.abs(clip.frames[t].astype(int) - tiny_ovis.COLOURS[(3, 7)[label]]).max(axis=-1) < 60
    x1, y1, x2, y2 = own.boxes[t, slot]
    height, width = clip.frames.shape[1:3]
    assert 0 <= x1 < x2 <= width and 0 <= y1 < y2 <= height
    rows, columns = np.mgrid[:height, :width] + 0.5
    outside = (columns < x1 - reach) | (columns > x2 + reach) | (rows < y1 - reach)
    outside |= rows > y2 + reach
    inside = (columns > x1 + reach) & (columns < x2 - reach) & (rows > y1 + reach)
    inside &= rows < y2 - reach
    assert not (red & outside).any() and red[inside].all()
    if t < len(own.masks):
        mask = np.unpackbits(own.masks[t, slot], axis=-1).astype(bool)
        assert mask.any() and not (mask & outside).any() and mask[inside].all()


@every_kind
def test_all_frames_of_a_clip_share_their_view(videos, kind):
    """A video that stands still has the same frame three times."""
    config = augmented(videos, kind)
    config.clip.others, config.clip.stride = "run", 0.1
    for batch in take(config, 10):
        np.testing.assert_array_equal(batch.frames[:, 1:], batch.frames[:, :-1])
        np.testing.assert_array_equal(batch.instances.boxes[:, 1:2], batch.instances.boxes[:, :1])


def test_sizes_and_colours_of_no_extent_change_nothing(mixed):
    config = mixed.copy_and_resolve_references()
    for changes in (dict(sizes=((48, 32),)), dict(factors=(1.0, 1.0))):
        config.augment.update(changes)
        assert_equal(take(config, 6), take(mixed, 6))
        config.augment.update(sizes=(), factors=())


def test_a_window_of_the_whole_frame_changes_nothing(videos):
    config = videos.copy_and_resolve_references()
    config.augment.crop.update(probability=1.0, sides=(100, 100))
    assert_equal(take(config, 6), take(videos, 6))


def test_without_augmentation_batches_follow_their_definition(videos):
    """Frames, flips and geometry of a clip, one after the other."""
    config = videos.copy_and_resolve_references()
    config.clip.mask_frames = 2
    data = open_training_data(config, CAPACITY)
    assert isinstance(data, TrainingData)
    annotations, frames = load_annotations(config.train_annotations), config.train_images
    batches = training_batches(data, batch_size=1, seed=SEED)
    for position, clip in enumerate(itertools.islice(batches, 12)):
        (sample,), rng = clip.sample, order.draws(SEED, position)
        video = data.index.videos[data.index.video_index[sample]].video
        geometry = training_geometry(video.width, video.height, Resizing((48, 32), 16))
        query = int(data.index.frame[sample])
        others = [t for t in range(5) if t != query]  # objects are in the first five frames
        chosen = (query, others[rng.integers(len(others))])
        flip = rng.random() < 0.5
        objects = annotations.instances_of(video.id)
        for t, frame in enumerate(chosen):
            image = read_frame(f"{frames}/{video.file_names[frame]}", video.width, video.height)
            want = transform_image(image, geometry, flip=flip)
            np.testing.assert_array_equal(clip.frames[0, t], want)
            there = [i for i in objects if i.segmentations.entries[frame] is not None]
            boxes = transform_boxes([i.boxes[frame] for i in there], geometry, flip=flip)
            valid = clip.instances.valid[0, t]
            np.testing.assert_array_equal(clip.instances.boxes[0, t][valid], boxes)
            masks = [transform_mask(i.rle(frame), geometry, flip=flip) for i in there]
            np.testing.assert_array_equal(clip.instances.masks[0, t][valid], masks)
    batches.close()


def test_records_of_resized_frames_have_one_size(tmp_path):
    download = write_ovis_download(tmp_path)
    prepared = RecordsConfig(
        name="small", example="prepared_frame", image_scale=(48, 32), image_encoding="raw"
    )
    raw = tiny_ovis.tiny_config(download / "annotations_train.json", download / "train")
    for form in (FRAMES, prepared):
        config = raw.copy_and_resolve_references()
        config.train_records = str(build("ovis", form, download).data_dir)
        config.augment.colors.update(COLORS)
        own = raw.copy_and_resolve_references()
        own.augment.colors.update(COLORS)
        assert_equal(take(config, 4), take(own, 4))
        config.augment.update(KINDS["sipmask"])
        own.augment.update(KINDS["sipmask"])
        if form is FRAMES:
            assert_equal(take(config, 4), take(own, 4))
            continue
        with pytest.raises(InputError, match="prepared for one size, config.data.augment draws"):
            take(config, 1)
