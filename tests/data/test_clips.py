"""Clips of every length and with masks of any of their frames, from every reader."""

import itertools
import json
import pathlib

import jax
import numpy as np
import pytest
import tiny_coco
import tiny_ovis
from tiny_downloads import build, write_ovis_download

from ovis_jax.data.clips import ClipShape, empty_clip
from ovis_jax.data.pipeline import training_batches
from ovis_jax.data.samples import open_training_data
from ovis_jax.data.tfds.records_config import FRAMES, RecordsConfig

CAPACITY = 4
LENGTHS = [(1, 1), (2, 1), (2, 2), (8, 1), (8, 2), (8, 8)]  # T, Q
every_length = pytest.mark.parametrize(("num_frames", "mask_frames"), LENGTHS)
every_choice = pytest.mark.parametrize("others", ["references", "run", "reference_run"])
PREPARED = RecordsConfig(
    name="small", example="prepared_frame", image_scale=(48, 32), image_encoding="raw"
)


@pytest.fixture(scope="module")
def download(tmp_path_factory):
    return write_ovis_download(tmp_path_factory.mktemp("ovis"))


@pytest.fixture(scope="module")
def records(download):
    """Folders of built data sets."""
    return [str(build("ovis", form, download).data_dir) for form in (FRAMES, PREPARED)]


@pytest.fixture
def videos(download):
    return tiny_ovis.tiny_config(download / "annotations_train.json", download / "train")


@pytest.fixture
def images(tmp_path):
    return tiny_coco.mixed_config(tmp_path, image_share=1.0)


def take(config, count=12, capacity=CAPACITY, **clip):
    config = config.copy_and_resolve_references()
    config.clip.update(clip)
    data = open_training_data(config, capacity)
    batches = training_batches(data, batch_size=4, seed=5)
    found = [next(batches) for _ in range(count)]
    batches.close()
    return found


def rows(batches):
    """Every clip on its own."""
    for batch in batches:
        for row in range(len(batch.sample)):
            yield jax.tree.map(lambda x, row=row: x[row], batch)


def objects(clip):
    """(frame, slot, identity, label, box, mask or None) of every object."""
    own = clip.instances
    masks = np.unpackbits(own.masks, axis=-1).astype(bool)
    for t, slot in np.argwhere(own.valid):
        mask = masks[t, slot] if t < len(masks) else None
        yield t, slot, own.identities[t, slot], own.labels[t, slot], own.boxes[t, slot], mask


def colour_inside(pixels, box):
    x1, y1, x2, y2 = np.round(box).astype(int)
    return np.median(pixels[y1 : y2 + 1, x1 : x2 + 1].astype(int), axis=(0, 1))


@every_choice
@every_length
def test_boxes_masks_and_labels_of_every_frame_lie_on_the_objects(
    videos, num_frames, mask_frames, others
):
    seen, shape = set(), ClipShape(num_frames, mask_frames, CAPACITY)
    settings = dict(num_frames=num_frames, mask_frames=mask_frames, others=others)
    for clip in rows(take(videos, **settings)):
        empty = empty_clip(*clip.frames.shape[1:3], shape)
        assert jax.tree.map(np.shape, clip) == jax.tree.map(np.shape, empty)
        assert clip.instances.valid[0].any()
        names = {}
        for t, _, identity, label, box, mask in objects(clip):
            seen.add(t)
            want = tiny_ovis.COLOURS[(3, 7)[label]]
            assert np.abs(colour_inside(clip.frames[t], box) - want).max() < 25
            assert names.setdefault(identity, label) == label  # an identity is one object
            assert (mask is not None) == (t < mask_frames)
            if mask is not None:
                y, x = np.nonzero(mask)
                edges = [x.min(), y.min(), x.max(), y.max()]
                np.testing.assert_allclose(box, edges, atol=1)
                pixels = clip.frames[t][mask].astype(int)
                assert np.abs(np.median(pixels, axis=0) - want).max() < 25
        invalid = ~clip.instances.valid[:mask_frames]
        assert not clip.instances.masks[invalid].any()
    assert seen == set(range(num_frames))


@every_length
def test_all_frames_of_a_clip_are_flipped_or_none(videos, num_frames, mask_frames):
    flips = []
    for clip in rows(take(videos, num_frames=num_frames, mask_frames=mask_frames, others="run")):
        height, width = clip.image_size
        corners = clip.frames[:, height - 1, [0, width - 1]].astype(int).mean(axis=-1)
        mirrored = corners[:, 0] > corners[:, 1]  # the background is darker on the left
        assert len(set(mirrored.tolist())) == 1
        flips.append(mirrored[0])
    assert 0 < sum(flips) < len(flips)


@every_choice
def test_masks_of_fewer_frames_are_the_first_of_all(videos, others):
    whole = take(videos, num_frames=8, mask_frames=8, others=others)
    for mask_frames in (1, 2, 5):
        for got, want in zip(
            take(videos, num_frames=8, mask_frames=mask_frames, others=others), whole, strict=True
        ):
            first = want.instances.replace(masks=want.instances.masks[:, :mask_frames])
            jax.tree.map(np.testing.assert_array_equal, got, want.replace(instances=first))


def test_boxes_with_edges_end_a_pixel_behind_those_with_last_pixels(videos, images):
    for data in (videos, images):
        data.resize.axis_scales = True
        edges = data.copy_and_resolve_references()
        edges.inclusive_boxes = False
        for inclusive, exclusive in zip(rows(take(data, 3)), rows(take(edges, 3)), strict=True):
            sizes = inclusive.image_size[::-1]
            own, other = inclusive.instances, exclusive.instances
            first, second = (x.boxes[x.valid] for x in (own, other))
            inside = (second[:, 2:] < sizes).all(1) & (second[:, :2] > 0).all(1)
            longer = (second[:, 2:] - second[:, :2]) - (first[:, 2:] - first[:, :2])
            assert inside.any() and ((longer > 0.4) & (longer <= 1)).all(1)[inside].all()
            jax.tree.map(
                np.testing.assert_array_equal, own.replace(boxes=0), other.replace(boxes=0)
            )


def test_an_identity_is_one_object_of_the_data_set(videos):
    data = open_training_data(videos, CAPACITY)
    kept = {}  # colour and video of each identity
    for clip in rows(take(videos, num_frames=4, mask_frames=1, others="run")):
        video = data.index.video_index[clip.sample]
        for _, _, identity, label, _, _ in objects(clip):
            assert kept.setdefault(identity, (video, label)) == (video, label)
    assert len(set(kept.values())) == len(kept)
    assert set(kept) == set(range(data.num_identities))


@every_choice
def test_records_give_the_clips_of_the_raw_folder(videos, records, others):
    settings = dict(num_frames=5, mask_frames=3, others=others, stride=1.5)
    want = take(videos, **settings)
    for folder in records:
        videos.train_records = folder
        jax.tree.map(np.testing.assert_array_equal, take(videos, **settings), want)


def test_frames_of_a_run_follow_each_other_in_the_video(videos):
    videos.flip_probability = 0.0
    for clip in rows(take(videos, num_frames=3, others="run")):
        left = [box[0] for _, _, _, label, box, _ in objects(clip) if label == 0]
        ways = np.sign(np.diff(left))  # the red object moves to the right
        assert len(set(ways[ways != 0].tolist())) <= 1


def test_too_many_objects_leave_the_largest_of_every_frame(videos, tmp_path):
    document = json.loads(pathlib.Path(videos.train_annotations).read_text())
    for track in document["annotations"]:
        factor = 1 + track["category_id"]  # the green object is the larger one
        track["areas"] = [area and factor * area for area in track["areas"]]
    videos.train_annotations = str(tmp_path / "annotations.json")
    pathlib.Path(videos.train_annotations).write_text(json.dumps(document))
    settings = dict(num_frames=4, mask_frames=4)
    whole, few = take(videos, **settings), take(videos, capacity=1, **settings)
    lost = 0
    for all_objects, one in zip(rows(whole), rows(few), strict=True):
        want = {t: (identity, mask) for t, _, identity, *_, mask in objects(all_objects)}
        got = {t: (identity, mask) for t, _, identity, *_, mask in objects(one)}
        jax.tree.map(np.testing.assert_array_equal, got, want)  # green stands behind red
        lost += all_objects.instances.valid.sum() - one.instances.valid.sum()
    assert lost


@every_length
def test_pseudo_videos_have_boxes_and_masks_of_every_frame(images, num_frames, mask_frames):
    labels = {1: 0, 5: 1}
    settings = dict(num_frames=num_frames, mask_frames=mask_frames)
    seen = set()
    for clip in rows(take(images, **settings)):
        assert clip.instances.valid[0].any()
        height, width = clip.image_size
        names = {}
        for t, _, identity, label, box, mask in objects(clip):
            seen.add(t)
            assert names.setdefault(identity, label) == label
            x1, y1, x2, y2 = box
            assert 0 <= x1 <= x2 < width and 0 <= y1 <= y2 < height
            if mask is not None:
                y, x = np.nonzero(mask)
                np.testing.assert_array_equal(box, [x.min(), y.min(), x.max(), y.max()])
                middle = np.median(clip.frames[t][mask].astype(int), axis=0)
                (shown,) = [c for c, rgb in tiny_coco.COLOURS.items() if near(middle, rgb)]
                assert labels[shown] == label
    assert seen == set(range(num_frames))


def near(colour, other):
    return np.abs(colour - other).max() < 40


def test_objects_of_pseudo_videos_move_steadily(images):
    images.pseudo_video.motion.update(rotation=0, shear=0, scale=0, perspective=0, translation=0.3)
    for clip in itertools.islice(rows(take(images, num_frames=5, mask_frames=5)), 20):
        for identity in np.unique(clip.instances.identities[clip.instances.valid]):
            own = (clip.instances.identities == identity) & clip.instances.valid
            if (own.sum(axis=1) == 1).all():
                boxes = clip.instances.boxes[own]
                middles = boxes.reshape(-1, 2, 2).mean(axis=1)
                end = clip.image_size[::-1] - 1
                inside = (boxes[:, :2] > 0).all() and (boxes[:, 2:] < end).all()
                steps = np.diff(middles, axis=0)
                if inside:
                    assert np.ptp(steps, axis=0).max() <= 2.5


def test_an_empty_clip_has_leading_axes_where_wanted():
    clip = empty_clip(16, 24, ClipShape(3, 2, 5), leading=(7,))
    assert clip.frames.shape == (7, 3, 16, 24, 3) and clip.sample.shape == (7,)
    assert clip.instances.masks.shape == (7, 2, 5, 16, 3)
    assert clip.instances_of(1).masks.shape == (7, 5, 16, 3)
    assert clip.instances_of(2).masks is None and clip.instances_of(2).boxes.shape == (7, 5, 4)
