import json
import pathlib

import jax
import numpy as np
import pytest
from tiny_coco import COLOURS, GREY, NAMES, mixed_config

from configs import cmasktrack_rcnn_r50_ovis_coco
from ovis_jax.data.mixed_data import MixedData
from ovis_jax.data.pipeline import training_batches
from ovis_jax.data.pseudo.stills import chosen_labels
from ovis_jax.data.samples import open_training_data
from ovis_jax.data.videos.samples import TrainingData
from ovis_jax.formats.categories import COCO, OVIS
from ovis_jax.formats.errors import InputError

CAPACITY, VIDEO_FRAMES, IMAGES = 6, 15, 4
LABELS = {1: 0, 5: 1}  # of the categories of the images; the model's are red and green


@pytest.fixture
def config(tmp_path):
    return mixed_config(tmp_path, image_share=0.4)


def _take(config, count, **options):
    data = open_training_data(config, CAPACITY)
    batches = training_batches(data, **{"batch_size": 4, "seed": 5} | options)
    return [next(batches) for _ in range(count)]


def _image_pairs(config, count=40):
    """Clips of two frames made of images: instances and pixels of 0 … 255 of each frame."""
    config.image_share = 1.0
    data = open_training_data(config, CAPACITY)
    for position in range(count):
        clip = data.clip(data.draw(3, position, VIDEO_FRAMES + position % IMAGES))
        query, reference = (_frame(clip, t) for t in (0, 1))
        yield clip, query, reference, *clip.frames.astype(float)


def _frame(clip, t):
    """The instances of a frame of a clip without batch axis."""
    return jax.tree.map(lambda x: x[0], jax.tree.map(lambda x: x[None], clip).instances_of(t))


def _matches(query, reference):
    """For each query slot 1 + the slot of the same identity in the reference frame, or 0."""
    same = query.identities[:, None] == reference.identities
    same &= query.valid[:, None] & reference.valid
    return same.argmax(axis=1) + same.any(axis=1)


def _assert_equal(got, want):
    jax.tree.map(np.testing.assert_array_equal, got, want)


def _colour(pixels):
    """The category that pixels show, or None."""
    middle = np.median(pixels.reshape(-1, 3), axis=0)
    return next((c for c, rgb in COLOURS.items() if np.abs(middle - rgb).max() < 30), None)


def test_without_images_the_data_are_those_of_the_videos(config):
    config.image_share = 0.0
    config.pseudo_video.annotations = "nowhere.json"
    assert isinstance(open_training_data(config, CAPACITY), TrainingData)


def test_batches_hold_both_kinds_in_the_wanted_share_with_the_same_shapes_and_types(config):
    data = open_training_data(config, CAPACITY)
    assert isinstance(data, MixedData) and data.num_samples == VIDEO_FRAMES + IMAGES
    count = data.batches_per_epoch(1)
    assert count == 25  # 15 frames of videos are 60 % of it
    first, *others = _take(config, count, batch_size=1)
    for batch in others:
        shapes, wanted = jax.tree.leaves(batch), jax.tree.leaves(first)
        assert [leaf.dtype for leaf in shapes] == [leaf.dtype for leaf in wanted]
    samples = np.concatenate([batch.sample for batch in [first, *others]])
    assert sorted(samples[samples < VIDEO_FRAMES]) == list(range(VIDEO_FRAMES))
    assert set(samples[samples >= VIDEO_FRAMES]) == set(range(VIDEO_FRAMES, data.num_samples))


def test_images_are_visited_equally_often_over_the_epochs(config):
    order = open_training_data(config, CAPACITY).order(batch_size=1, seed=2)
    samples = [order.samples(i)[0] for i in range(8 * order.batches_per_epoch)]
    visits = np.bincount(samples)
    assert (visits[:VIDEO_FRAMES] == 8).all()
    first, portrait, *others = visits[VIDEO_FRAMES:]
    assert portrait == 16 and sum([first, *others]) == 64 and np.ptp([first, *others]) <= 1


def test_images_alone_are_one_epoch(config):
    config.image_share = 1.0
    order = open_training_data(config, CAPACITY).order(batch_size=1, seed=2)
    samples = [int(order.samples(i)[0]) for i in range(order.batches_per_epoch)]
    assert sorted(samples) == list(range(VIDEO_FRAMES, VIDEO_FRAMES + IMAGES))


@pytest.mark.parametrize("paste", [0.0, 1.0])
def test_a_restart_continues_with_the_same_batches_and_hosts_share_them(config, paste):
    config.pseudo_video.pasting.probability = paste
    whole = _take(config, 8)
    assert any((batch.sample >= VIDEO_FRAMES).any() for batch in whole[5:])
    _assert_equal(_take(config, 3, start_step=5), whole[5:])
    halves = [_take(config, 8, host_index=i, host_count=2) for i in range(2)]
    for want, *parts in zip(whole, *halves, strict=True):
        _assert_equal(jax.tree.map(lambda *rows: np.concatenate(rows), *parts), want)
    others = zip(_take(config, 8, seed=6), whole, strict=True)
    alike = [(a.frames, b.frames) for a, b in others if a.frames.shape == b.frames.shape]
    assert any((a != b).any() for a, b in alike)


@pytest.mark.parametrize("paste", [0.0, 1.0])
def test_objects_lie_where_their_boxes_masks_and_labels_say(config, paste):
    config.pseudo_video.pasting.probability = paste
    for clip, query, reference, pixels, reference_pixels in _image_pairs(config):
        masks = np.unpackbits(query.masks, axis=-1).astype(bool)
        assert query.valid.any() and not masks[~query.valid].any()
        height, width = clip.image_size
        assert not masks[:, height:].any() and not masks[:, :, width:].any()
        for slot in np.flatnonzero(query.valid):
            rows, columns = np.nonzero(masks[slot])
            edges = [columns.min(), rows.min(), columns.max(), rows.max()]
            np.testing.assert_array_equal(query.boxes[slot], edges)
            category = _colour(pixels[masks[slot]])
            assert LABELS[category] == query.labels[slot]
        for slot in np.flatnonzero(reference.valid):
            x1, y1, x2, y2 = reference.boxes[slot].astype(int)
            assert 0 <= x1 <= x2 < width and 0 <= y1 <= y2 < height
        if not paste:
            _check_matches(query, reference, reference_pixels)


def _check_matches(query, reference, reference_pixels):
    """The matched reference box holds the colour of the query object, and no other box does."""
    for slot, match in enumerate(_matches(query, reference)):
        if match:
            x1, y1, x2, y2 = reference.boxes[match - 1].astype(int)
            middle = reference_pixels[(y1 + y2) // 2, (x1 + x2) // 2]
            assert LABELS[_colour(middle)] == query.labels[slot] == reference.labels[match - 1]


def test_pasted_objects_add_instances_and_hide_others(config):
    plain = list(_image_pairs(config))
    config.pseudo_video.pasting.probability = 1.0
    pasted = list(_image_pairs(config))
    counts = [[query.valid.sum() for _, query, *_ in pairs] for pairs in (plain, pasted)]
    assert max(counts[0]) == 2 < max(counts[1])
    for _, query, *_ in pasted:
        masks = np.unpackbits(query.masks, axis=-1)
        assert masks.sum(axis=0).max() <= 1


def test_objects_that_leave_the_frame_are_not_there(config):
    config.pseudo_video.motion.translation = 0.9
    missing = unmatched = 0
    for _, query, reference, *_ in _image_pairs(config):
        assert query.valid.any()  # or else the image stays at rest
        missing += 2 - reference.valid.sum()
        unmatched += (_matches(query, reference)[query.valid] == 0).sum()
    assert missing > 5 and unmatched > 5


def test_fewer_visible_pixels_than_wanted_do_not_count(config):
    config.pseudo_video.min_pixels = 150
    for _, query, *_ in _image_pairs(config, count=8):
        areas = np.unpackbits(query.masks, axis=-1).sum(axis=(1, 2), dtype=int)
        assert (areas[query.valid] >= 150).all()


def test_images_are_flipped_as_often_as_frames(config):
    config.pseudo_video.motion.update(rotation=0, shear=0, translation=0, scale=0, perspective=0)
    mirrored = []
    for clip, query, _, pixels, reference_pixels in _image_pairs(config):
        np.testing.assert_array_equal(pixels, reference_pixels)
        red = query.boxes[query.labels.tolist().index(0)]
        mirrored.append(red[0] > 8 * clip.image_size[1] / 16)
        assert np.abs(pixels[clip.image_size[0] - 1, 2] - GREY).max() < 1
    assert 8 < sum(mirrored) < 32


def test_the_capacity_keeps_the_largest_objects(config):
    config.pseudo_video.motion.update(rotation=0, shear=0, translation=0, scale=0, perspective=0)
    data = open_training_data(config, 1)
    # One of two objects in each image, beside those of the videos.
    videos = config.copy_and_resolve_references()
    videos.image_share = 0.0
    assert data.num_dropped == open_training_data(videos, 1).num_dropped + IMAGES
    for position in range(8):
        clip = data.clip(data.draw(0, position, VIDEO_FRAMES + position % IMAGES))
        assert clip.instances.valid.tolist() == [[True]] * 2
        assert clip.instances.labels.tolist() == [[1]] * 2
    config.pseudo_video.pasting.probability = 1.0
    data = open_training_data(config, 2)
    for position in range(20):
        clip = data.clip(data.draw(0, position, VIDEO_FRAMES + position % IMAGES))
        assert clip.instances.valid.shape == (2, 2)


def test_samples_are_named_for_messages_and_errors_name_the_file(config):
    data = open_training_data(config, CAPACITY)
    assert data.describe(VIDEO_FRAMES + 1) == "image 2 (000000000002.png)"
    assert data.describe(7).startswith("video 2")
    (pathlib.Path(config.pseudo_video.images) / "000000000002.png").write_bytes(b"no image")
    with pytest.raises(InputError, match="000000000002.png"):
        _take(config, 40)


def test_categories_belong_together_by_their_meaning_unless_pairs_are_given(config):
    config.pseudo_video.categories = ()
    data = open_training_data(config, CAPACITY)
    labels = set()
    for position in range(8):
        clip = data.clip(data.draw(0, position, VIDEO_FRAMES + position % IMAGES))
        labels |= set(clip.instances.labels[clip.instances.valid].tolist())
    assert labels == {1}  # green; nothing is crimson among the videos


@pytest.mark.parametrize(
    "field, value, message",
    [
        ("image_share", 1.5, "image_share"),
        ("pseudo_video.categories", (("mauve", "red"),), "'mauve' is no category of .*coco.json"),
        ("pseudo_video.categories", (*NAMES, ("green", "mauve")), "'mauve' is no category of the"),
        ("pseudo_video.annotations", "nowhere.json", "nowhere.json"),
        ("pseudo_video.images", "nowhere", "nowhere"),
        ("pseudo_video.min_pixels", 0, "pseudo_video.min_pixels"),
        ("pseudo_video.motion.rotation", -1.0, "pseudo_video.motion"),
        ("pseudo_video.motion.perspective", 0.3, "motion.perspective"),
        ("pseudo_video.pasting.probability", 2.0, "pasting.probability"),
        ("pseudo_video.pasting.max_objects", 0, "pasting.max_objects"),
        ("pseudo_video.pasting.size", (2.0, 1.0), "pasting.size"),
    ],
)
def test_values_that_make_no_sense_are_input_errors(config, field, value, message):
    config.update_from_flattened_dict({field: value})
    with pytest.raises(InputError, match=message):
        open_training_data(config, CAPACITY)


def test_images_without_anything_to_train_on_are_an_input_error(config):
    path = pathlib.Path(config.pseudo_video.annotations)
    document = json.loads(path.read_text())
    for annotation in document["annotations"]:
        annotation["iscrowd"] = 1
        annotation["segmentation"] = dict(size=[1, 1], counts=[1])
    path.write_text(json.dumps(document | {"annotations": []}))
    with pytest.raises(InputError, match="no object of the model's categories"):
        open_training_data(config, CAPACITY)
    del document["annotations"]
    path.write_text(json.dumps(document))
    with pytest.raises(InputError, match="annotations: .*no ground truth to train on"):
        open_training_data(config, CAPACITY)


def test_cocos_objects_get_the_labels_of_ovis():
    settings = cmasktrack_rcnn_r50_ovis_coco.get_config().data.pseudo_video
    labels = chosen_labels(COCO, OVIS, settings.categories, "coco.json")
    names = {category.id: category.name for category in COCO}
    found = {names[theirs]: OVIS[label].name for theirs, label in labels.items()}
    assert len(found) == 18 and found["person"] == "Person" and found["zebra"] == "Zebra"
    assert found["car"] == found["bus"] == found["truck"] == "Vehical"
