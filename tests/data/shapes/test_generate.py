import dataclasses
import json

import cv2
import numpy as np
import pytest
from data.shapes.small_set import SMALL, contents

from ovis_jax.data.shapes import generate as generate_module
from ovis_jax.data.shapes import rendering
from ovis_jax.data.shapes.classes import OUTLINES
from ovis_jax.data.shapes.generate import generate
from ovis_jax.data.shapes.parameters import ShapesParameters
from ovis_jax.data.shapes.scene import draw_scene
from ovis_jax.data.track_records import occlusion_label
from ovis_jax.formats import rle
from ovis_jax.formats.annotations import load_annotations
from ovis_jax.formats.errors import InputError
from ovis_jax.statistics.counts import measure_dataset


def _document(folder, split):
    return json.loads((folder / f"annotations_{split}.json").read_text())


def _difficulty(folder):
    return measure_dataset(load_annotations(folder / "annotations_valid.json"), "valid").as_dict()


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    folder = tmp_path_factory.mktemp("shapes") / "small"
    assert generate(folder, SMALL)
    return folder


def test_every_byte_is_the_same_with_any_number_of_workers(small, tmp_path):
    generate(tmp_path / "again", SMALL, workers=2)
    assert contents(tmp_path / "again") == contents(small)


def test_another_seed_gives_other_frames(small, tmp_path):
    generate(tmp_path / "other", dataclasses.replace(SMALL, seed=1))
    frame = "train/0001/00000.jpg"
    assert (tmp_path / "other" / frame).read_bytes() != (small / frame).read_bytes()


def test_more_videos_leave_the_first_ones_as_they_are(small, tmp_path):
    generate(tmp_path / "more", dataclasses.replace(SMALL, train_videos=3))
    more = contents(tmp_path / "more")
    for path, content in contents(small).items():
        assert path.suffix != ".jpg" or more[path] == content


def test_no_frame_is_in_both_splits(small):
    frames = {p.name: p for p in (small / "train" / "0001").iterdir()}
    for path in (small / "valid" / "0001").iterdir():
        assert path.read_bytes() != frames[path.name].read_bytes()


@pytest.mark.parametrize("split", ["train", "valid"])
def test_annotations_follow_the_ovis_format(small, split):
    document = _document(small, split)
    videos = {v["id"]: v for v in document["videos"]}
    assert list(videos) == list(range(1, len(videos) + 1))
    assert [c["id"] for c in document["categories"]] == list(range(1, len(OUTLINES) + 1))
    assert [a["id"] for a in document["annotations"]] == [
        i + 1 for i in range(len(document["annotations"]))
    ]
    for video in videos.values():
        assert len(video["file_names"]) == video["length"]
        for name in video["file_names"]:
            image = cv2.imread(str(small / split / name))
            assert image.shape == (video["height"], video["width"], 3)
    for annotation in document["annotations"]:
        assert annotation["video_id"] in videos and annotation["iscrowd"] == 0
        assert annotation["length"] == SMALL.frames
        fields = [annotation[k] for k in ("segmentations", "bboxes", "areas", "occlusion")]
        assert {len(f) for f in fields} == {SMALL.frames}
        for entries in zip(*fields, strict=True):
            assert all(e is None for e in entries) or all(e is not None for e in entries)


def test_boxes_and_areas_are_those_of_the_masks_and_masks_do_not_overlap(small):
    for video in _document(small, "train")["videos"]:
        covered = np.zeros((SMALL.frames, SMALL.height, SMALL.width), int)
        for annotation in _document(small, "train")["annotations"]:
            if annotation["video_id"] != video["id"]:
                continue
            for frame, segmentation in enumerate(annotation["segmentations"]):
                if segmentation is None:
                    continue
                mask = np.asarray(rle.decode(segmentation)).astype(int)
                covered[frame] += mask
                x, y, width, height = annotation["bboxes"][frame]
                assert mask[y : y + height, x : x + width].sum() == mask.sum()
                assert mask.sum() == annotation["areas"][frame] >= SMALL.min_pixels
                assert mask[y].any() and mask[y + height - 1].any()
                assert mask[:, x].any() and mask[:, x + width - 1].any()
        assert covered.max() <= 1


def _weights(scene, number, index):
    """Share [H, W] of object `number` in each pixel: white minus black paint on it."""
    images = []
    for light in (0, 255):
        objects = list(scene.objects)
        sprite = objects[number].sprite.copy()
        sprite[..., :3] = light * sprite[..., 3:]
        objects[number] = dataclasses.replace(objects[number], sprite=sprite)
        painted = dataclasses.replace(scene, objects=objects)
        image = rendering.render_frame(painted, index, 128, 96, SMALL.motion_blur).image
        images.append(image[..., 0].astype(float))
    return (images[1] - images[0]) / 255


def test_masks_hold_exactly_the_pixels_that_show_the_object():
    parameters = dataclasses.replace(SMALL, noise=0.0, flicker=0.0)
    inside = []
    for seed in range(5):
        scene = draw_scene(np.random.default_rng(seed), parameters)
        frame = rendering.render_frame(scene, 2, 128, 96, SMALL.motion_blur)
        for number in range(len(scene.objects)):
            weights = _weights(scene, number, 2)
            mask = frame.owners == number
            assert weights[~mask].max() <= 0.51
            inside.append(weights[mask])
    inside = np.concatenate(inside)
    # Soft edges of objects in front may take most of a pixel between them, but rarely.
    assert inside.min() > 0.1 and np.mean(inside > 0.45) > 0.99


def test_a_disc_is_drawn_round_its_place_on_the_path():
    parameters = dataclasses.replace(SMALL, objects=(6, 6), leaving=0.0)
    found = 0
    for seed in range(4):
        scene = draw_scene(np.random.default_rng(seed), parameters)
        for number in np.flatnonzero(scene.categories == OUTLINES.index("disc")):
            alone = dataclasses.replace(scene, order=np.full((5, 1), number), occluders=[])
            owners = rendering.render_frame(alone, 1, 128, 96, 0.0).owners
            rows, columns = np.nonzero(owners == number)
            if rows.min() == 0 or columns.min() == 0 or rows.max() == 95 or columns.max() == 127:
                continue
            want = scene.objects[number].motion.centers[1]
            np.testing.assert_allclose((columns.mean() + 0.5, rows.mean() + 0.5), want, atol=0.25)
            found += 1
    assert found >= 2


def test_full_areas_do_not_depend_on_what_is_in_front():
    scene = draw_scene(np.random.default_rng(3), SMALL)
    size = (SMALL.width, SMALL.height)
    crowd = rendering.render_frame(scene, 1, *size, SMALL.motion_blur)
    for number in range(len(scene.objects)):
        alone = dataclasses.replace(scene, order=np.full((5, 1), number), occluders=[])
        frame = rendering.render_frame(alone, 1, *size, SMALL.motion_blur)
        assert crowd.full_areas[number] == (frame.owners == number).sum()
        assert (crowd.owners == number).sum() <= crowd.full_areas[number]


def test_occlusion_labels_at_their_thresholds():
    levels = [occlusion_label(visible, 1000) for visible in (1000, 950, 949, 501, 500, 1)]
    none, slight, severe = "no_occlusion", "slight_occlusion", "severe_occlusion"
    assert levels == [none, none, slight, slight, severe, severe]


def test_objects_that_leave_come_back():
    parameters = dataclasses.replace(SMALL, frames=24, leaving=1.0)
    returned = total = 0
    for seed in range(10):
        scene = draw_scene(np.random.default_rng(seed), parameters)
        for layer in scene.objects:
            gaps = np.minimum(layer.motion.centers, (128, 96) - layer.motion.centers).min(-1)
            inside = np.flatnonzero(gaps > 0)
            total += 1
            returned += len(inside) > 0 and (gaps[inside[0] : inside[-1]] < 0).any()
    assert returned > 0.8 * total


def test_objects_move_a_few_pixels_a_frame():
    parameters = dataclasses.replace(SMALL, frames=60, width=320, height=192, leaving=0.0)
    scenes = [draw_scene(np.random.default_rng(seed), parameters) for seed in range(5)]
    steps = np.concatenate(
        [np.diff(layer.motion.centers, axis=0) for scene in scenes for layer in scene.objects]
    )
    speed = np.hypot(*steps.T)
    assert 2 < np.median(speed) < 9 and np.percentile(speed, 99) < 20


def test_depth_orders_hold_every_object_once():
    scene = draw_scene(np.random.default_rng(0), dataclasses.replace(SMALL, depth_swaps=1.0))
    want = np.arange(len(scene.objects))
    for order in scene.order:
        np.testing.assert_array_equal(np.sort(order), want)


def test_default_difficulty_is_near_that_of_ovis(tmp_path):
    generate(tmp_path / "set", ShapesParameters(train_videos=0))
    got = _difficulty(tmp_path / "set")
    assert 0.18 < got["mBOR"] < 0.26
    assert 0.15 < got["severe_occlusion"] < 0.25


def test_less_crossing_is_less_occlusion(tmp_path):
    rates = []
    for crossing in (0.0, 1.0):
        parameters = ShapesParameters(0, 12, 12, 160, 96, sizes=(17, 40), crossing=crossing)
        generate(tmp_path / str(crossing), parameters)
        rates.append(_difficulty(tmp_path / str(crossing))["mBOR"])
    assert rates[0] < 0.8 * rates[1]


def test_generating_again_changes_nothing(small):
    before = {p: p.stat().st_mtime_ns for p in small.rglob("*")}
    assert not generate(small, SMALL)
    assert {p: p.stat().st_mtime_ns for p in small.rglob("*")} == before


def test_an_empty_folder_is_filled(tmp_path):
    parameters = dataclasses.replace(SMALL, train_videos=0, frames=1)
    assert generate(tmp_path, parameters)
    assert (tmp_path / "parameters.json").is_file()


def test_another_data_set_is_not_overwritten(small):
    before = contents(small)
    with pytest.raises(InputError, match="made with other seed"):
        generate(small, dataclasses.replace(SMALL, seed=7))
    assert contents(small) == before


@pytest.mark.parametrize("name", ["notes.txt", "parameters.json"])
def test_a_folder_of_other_files_is_not_overwritten(tmp_path, name):
    (tmp_path / name).write_text("keep me")
    with pytest.raises(InputError, match="not empty"):
        generate(tmp_path, SMALL)
    assert contents(tmp_path) and (tmp_path / name).read_text() == "keep me"


def test_a_run_that_fails_leaves_nothing_behind(tmp_path, monkeypatch):
    def fail(path, document):
        raise OSError("disk full")

    monkeypatch.setattr(generate_module, "write_json", fail)
    with pytest.raises(OSError, match="disk full"):
        generate(tmp_path / "set", SMALL)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("train_videos", -1),
        ("frames", 0),
        ("width", 8),
        ("objects", (3, 2)),
        ("objects", (0, 2)),
        ("sizes", (20.0, 900.0)),
        ("sizes", (float("nan"), 30.0)),
        ("crossing", 1.5),
        ("speed", 0.0),
        ("speed", float("inf")),
        ("noise", float("nan")),
        ("jpeg_quality", 101),
        ("seed", -1),
        ("stills", -1),
        ("evidence", "smell"),
        ("evidence", "mixed"),
        ("pairs", 6),
        ("tilt", 181.0),
        ("tilt", float("nan")),
        ("degraded", 1.5),
        ("degradations", ("rain",)),
        ("degradations", ()),
    ],
)
def test_bad_parameters_are_named(tmp_path, field, value):
    named = "pairs" if value == "mixed" else field  # which needs pairs
    with pytest.raises(InputError, match=named):
        generate(tmp_path / "set", dataclasses.replace(SMALL, **{field: value}))
    assert list(tmp_path.iterdir()) == []


def test_extreme_parameters_still_draw():
    for change in (
        {"frames": 1},
        {"frames": 200},
        {"objects": (1, 1), "occluders": (0, 0), "camera": 0.0},
        {"objects": (30, 30), "sizes": (8.0, 96.0), "speed": 40.0, "motion_blur": 1.0},
    ):
        parameters = dataclasses.replace(SMALL, **change)
        scene = draw_scene(np.random.default_rng(0), parameters)
        for index in {0, parameters.frames - 1}:
            frame = rendering.render_frame(scene, index, 128, 96, parameters.motion_blur)
            assert frame.image.shape == (96, 128, 3) and frame.image.dtype == np.uint8
            assert frame.owners.max() < len(scene.objects)
