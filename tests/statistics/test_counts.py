import math
import pathlib
import tempfile

import numpy as np
import pytest
from data.rectangles import HEIGHT, WIDTH, track, video, write
from hypothesis import given, settings
from hypothesis import strategies as st

from ovis_jax.formats.annotations import load_annotations
from ovis_jax.statistics.counts import measure_dataset
from ovis_jax.statistics.table import format_category_counts, format_statistics

BOX = (0, 0, 4, 4)


def measured(path, **options):
    return measure_dataset(load_annotations(path), "set", **options)


@pytest.fixture
def hand_made(tmp_path):
    """Two videos with objects and one without; every number below is counted by hand."""
    videos = [video(7, 4), video(3, 2), video(5, 3)]
    annotations = [
        track(1, 7, 4, [(0, 0, 4, 2), (0, 0, 4, 4), None, None], "ns--"),
        track(2, 7, 2, [(2, 0, 4, 2), (4, 0, 4, 4), (0, 0, 2, 2), None], "svv-"),
        track(3, 7, 2, [None, (0, 0, 8, 8), None, None], "-s--"),
        track(4, 3, 2, [(1, 1, 2, 2), (1, 1, 2, 2)], "nn"),
        track(5, 3, 2, [(0, 0, 20, 18), None], "v-", iscrowd=1),
    ]
    return measured(write(tmp_path / "a.json", videos, annotations), frame_rate=2.0)


def test_table_1_of_a_hand_made_set(hand_made):
    got = hand_made.as_dict()
    counted = dict(videos=3, frames=9, categories=3, categories_with_instances=2)
    counted |= dict(instances=4, masks=2 + 3 + 1 + 2, crowds=1, frame_rate=2.0, name="set")
    assert counted.items() <= got.items()
    assert got["video_duration"] == (4 + 2 + 3) / 3 / 2
    assert got["instance_duration"] == 8 / 4 / 2
    assert got["instances_per_video"] == 4 / 3
    assert got["objects_per_frame"] == 8 / 9
    # 4 of 12 pixels; 32 of 64, of which none counts twice; one box; one box twice; nothing
    rates = [4 / 12, 32 / 64, 0, math.nan, 0, 0, math.nan, math.nan, math.nan]
    np.testing.assert_allclose(hand_made.box_occlusion_rates, rates, rtol=1e-12)
    assert got["mBOR"] == pytest.approx((4 / 12 + 32 / 64) / 5)
    assert [v["mBOR"] for v in got["per_video"]] == [pytest.approx((1 / 3 + 1 / 2) / 3), 0, None]
    assert [v["instances"] for v in got["per_video"]] == [3, 1, 0]


def test_crossings_are_pairs_of_one_video_whose_boxes_share_pixels_in_some_frame(tmp_path):
    tracks = {1: [(0, 0, 4, 2), None], 2: [(2, 0, 4, 2), BOX], 3: [None, (4, 0, 4, 4)]}
    annotations = [track(k, 7, 2, boxes) for k, boxes in tracks.items()]
    annotations.append(track(4, 3, 2, [BOX, BOX]))
    got = measured(write(tmp_path / "a.json", [video(7, 2), video(3, 2)], annotations))
    assert got.crossings.tolist() == [True, False, False]
    assert got.as_dict()["crossing_rate"] == 1 / 3


def test_occlusion_of_a_hand_made_set(hand_made):
    got = hand_made.as_dict()
    names = ("no_occlusion", "slight_occlusion", "severe_occlusion")
    assert [got[name] for name in names] == [3 / 8, 3 / 8, 2 / 8]
    assert got["severely_occluded_once"] == 1 / 4 and got["never_occluded"] == 1 / 4
    # Scores 0.25 (of n, s), 0.75 (of s, v, v), 0.25, 0: those of 0.25 stand in two groups.
    np.testing.assert_array_equal(hand_made.occlusion_scores, [0.25, 0.75, 0.25, 0])
    assert got["occlusion_groups"] == {"SO": 3, "MO": 2, "HO": 1}


def test_counts_and_distributions_of_a_hand_made_set(hand_made):
    got = hand_made.as_dict()
    assert got["per_category"] == [
        {"id": 2, "name": "Cat", "videos": 2, "instances": 3, "masks": 6},
        {"id": 4, "name": "Dog", "videos": 1, "instances": 1, "masks": 2},
        {"id": 9, "name": "Boat", "videos": 0, "instances": 0, "masks": 0},
    ]
    shown = got["distributions"]
    assert shown["objects_per_frame"] == [4, 3, 1, 1]
    assert shown["instances_per_video"] == [1, 1, 0, 1]
    assert shown["instance_frames"] == [0, 1, 2, 1]
    rates = shown["box_occlusion_rate"]
    found = {rates["edges"][k]: n for k, n in enumerate(rates["counts"]) if n}
    assert found == {0.0: 3, 0.3: 1, 0.5: 1}


def test_a_mask_without_pixels_shows_nothing(tmp_path):
    empty = track(1, 7, 2, [(0, 0, 0, 0), BOX])
    assert empty["segmentations"][0] is not None
    got = measured(write(tmp_path / "a.json", [video(7, 2)], [empty]))
    assert got.as_dict()["masks"] == 1 and got.frame_objects.tolist() == [0, 1]


def test_sets_without_occlusion_labels_lack_only_what_is_about_them(tmp_path):
    got = measured(write(tmp_path / "a.json", [video(7, 1)], [track(1, 7, 2, [BOX])])).as_dict()
    assert got["mBOR"] == 0 and got["masks"] == 1
    about = ("no_occlusion", "severely_occluded_once", "never_occluded", "occlusion_groups")
    assert [got[name] for name in about] == [None] * 4


def test_sets_without_ground_truth_have_videos_and_categories_alone(tmp_path):
    got = measured(write(tmp_path / "a.json", [video(7, 6)], None)).as_dict()
    known = dict(videos=1, frames=6, categories=3, video_duration=1.0)
    assert known.items() <= got.items()
    assert {key for key, value in got.items() if value is not None} == {
        *known,
        "name",
        "frame_rate",
    }


def test_an_empty_list_of_annotations_counts_zero_instances(tmp_path):
    got = measured(write(tmp_path / "a.json", [video(7, 6)], [])).as_dict()
    assert (got["instances"], got["masks"], got["objects_per_frame"]) == (0, 0, 0)
    assert got["mBOR"] is got["instance_duration"] is got["crossing_rate"] is None


_box = st.one_of(
    st.none(),
    st.tuples(
        st.integers(0, WIDTH - 8), st.integers(0, HEIGHT - 8), st.integers(1, 8), st.integers(1, 8)
    ),
)
_tracks = st.lists(st.tuples(_box, _box, _box), min_size=0, max_size=6)


@settings(deadline=None)
@given(tracks=_tracks)
def test_numbers_are_those_of_counting_pixels(tracks):
    records = [track(k, 7, 2, list(boxes)) for k, boxes in enumerate(tracks)]
    with tempfile.TemporaryDirectory() as folder:
        path = write(pathlib.Path(folder) / "a.json", [video(7, 3)], records)
        got = measured(path)
    for frame in range(3):
        cover = np.zeros((HEIGHT, WIDTH), int)
        for x, y, width, height in filter(None, (boxes[frame] for boxes in tracks)):
            cover[y : y + height, x : x + width] += 1
        want = (cover > 1).sum() / (cover > 0).sum() if cover.any() else math.nan
        np.testing.assert_allclose(got.box_occlusion_rates[frame], want, atol=1e-12)
        assert got.frame_objects[frame] == sum(boxes[frame] is not None for boxes in tracks)
    assert got.as_dict()["masks"] == sum(box is not None for boxes in tracks for box in boxes)


def test_the_table_has_a_column_for_each_set_and_dashes_for_what_is_not_there(hand_made, tmp_path):
    bare = measured(write(tmp_path / "b.json", [video(7, 6)], None))
    lines = format_statistics([hand_made, bare]).splitlines()
    assert lines[0].split() == ["set", "set"]
    rows = {line[:40].strip(): line[40:].split() for line in lines[1:]}
    assert rows["masks"] == ["8", "-"] and rows["videos"] == ["3", "1"]
    assert rows["mBOR"] == ["0.167", "-"]
    assert rows["labels: severe occlusion"] == ["25.0", "%", "-"]
    assert rows["instances of MO, score 0.25 to 0.5"] == ["2", "-"]
    counts = format_category_counts(hand_made).splitlines()
    assert [line.split() for line in counts[1:]] == [
        ["Cat", "3", "6", "2"],
        ["Dog", "1", "2", "1"],
        ["Boat", "0", "0", "0"],
    ]
