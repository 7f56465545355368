"""Overlays of a hand-made data set: what is written, and where colours go."""

from types import SimpleNamespace

import cv2
import numpy as np
import pytest

from ovis_jax.data.movie_files import read_movie, survey_movie
from ovis_jax.formats import rle
from ovis_jax.formats.errors import InputError
from ovis_jax.visualization.colors import identity_color, text_color
from ovis_jax.visualization.contact_sheet import sheet_frames
from ovis_jax.visualization.drawing import DrawnTrack, draw_tracks, panel_size
from ovis_jax.visualization.identities import shared_identities
from ovis_jax.visualization.movie import write_movie
from ovis_jax.visualization.overlays import chosen_videos, write_overlays

WIDTH, HEIGHT, LENGTH = 64, 40, 5


def box_mask(x1, y1, x2, y2):
    mask = np.zeros((HEIGHT, WIDTH), np.uint8)
    mask[y1:y2, x1:x2] = 1
    return rle.encode(mask)


LEFT = [box_mask(4 + t, 8, 24 + t, 32) for t in range(LENGTH)]
RIGHT = [box_mask(40, 4, 60, 20), None, box_mask(40, 6, 60, 22), None, None]


def make_annotations(folder, *, ground_truth=True):
    """Videos 4 and 9 of grey frames; video 4 holds a cat on the left and a dog on the right."""
    videos = []
    for number in (4, 9):
        names = [f"clip{number}/{t}.png" for t in range(LENGTH)]
        (folder / f"clip{number}").mkdir()
        for name in names:
            cv2.imwrite(str(folder / name), np.full((HEIGHT, WIDTH, 3), 90, np.uint8))
        videos.append(
            SimpleNamespace(id=number, width=WIDTH, height=HEIGHT, length=LENGTH, file_names=names)
        )
    instances = [
        SimpleNamespace(category_id=category, rle=masks.__getitem__)
        for category, masks in ((2, LEFT), (5, RIGHT))
    ]
    return SimpleNamespace(
        videos=tuple(videos),
        categories=(SimpleNamespace(id=2, name="cat"), SimpleNamespace(id=5, name="dog")),
        has_ground_truth=ground_truth,
        instances_of=lambda video_id: instances if video_id == 4 else [],
    )


def record(video_id, score, masks, category=5):
    return dict(video_id=video_id, score=score, category_id=category, segmentations=masks)


def near(pixel, color, tolerance):
    return np.abs(np.asarray(pixel, float) - np.asarray(color, float)).max() <= tolerance


def test_movie_and_sheet_are_written_for_each_chosen_video(tmp_path):
    annotations = make_annotations(tmp_path)
    records = [record(4, 0.9, RIGHT), record(4, 0.8, LEFT, 2), record(9, 0.1, LEFT)]
    paths = write_overlays(annotations, tmp_path, records, tmp_path / "overlays", num_videos=2)
    names = [p.name for p in paths]
    assert names == ["video_4.mp4", "video_4.png", "video_9.mp4", "video_9.png"]
    assert sorted(p.name for p in (tmp_path / "overlays").iterdir()) == sorted(names)
    frames = list(read_movie(paths[0]))
    assert len(frames) == LENGTH
    panel_width, panel_height = panel_size(WIDTH, HEIGHT)
    assert frames[0].shape[1] == 2 * panel_width + 4 and frames[0].shape[0] > panel_height
    sheet = cv2.imread(str(paths[1]))
    assert sheet.shape[1] == frames[0].shape[1] and sheet.shape[0] > LENGTH * panel_height


def test_a_prediction_has_the_colour_of_the_object_that_it_covers(tmp_path):
    annotations = make_annotations(tmp_path)
    paths = write_overlays(
        annotations, tmp_path, [record(4, 0.9, RIGHT)], tmp_path / "overlays", num_videos=1
    )
    sheet = cv2.imread(str(paths[1]))[..., ::-1].astype(int)
    half = sheet.shape[1] // 2 + 2
    tinted = 0.55 * 90 + 0.45 * np.array(identity_color(1))
    y, x = 22 + 8 * 17, 8 * 50  # inside the right object of the first frame
    assert near(sheet[y, x], tinted, 3) and near(sheet[y, half + x], tinted, 3)
    y, x = 22 + 8 * 28, 8 * 12  # inside the left object, which has no prediction
    assert near(sheet[y, x], 0.55 * 90 + 0.45 * np.array(identity_color(0)), 3)
    assert near(sheet[y, half + x], (90, 90, 90), 3)


def test_without_ground_truth_only_predictions_are_drawn(tmp_path):
    annotations = make_annotations(tmp_path, ground_truth=False)
    paths = write_overlays(annotations, tmp_path, [], tmp_path / "overlays", num_videos=1)
    assert cv2.imread(str(paths[1])).shape[1] == panel_size(WIDTH, HEIGHT)[0]


def test_no_videos_wanted_writes_nothing(tmp_path):
    annotations = make_annotations(tmp_path)
    assert write_overlays(annotations, tmp_path, [], tmp_path / "overlays", num_videos=0) == []


def test_a_missing_frame_is_named_and_leaves_no_half_movie(tmp_path):
    annotations = make_annotations(tmp_path)
    (tmp_path / "clip4" / "3.png").unlink()
    with pytest.raises(InputError, match="clip4/3.png"):
        write_overlays(annotations, tmp_path, [], tmp_path / "overlays", num_videos=1)
    assert list((tmp_path / "overlays").iterdir()) == []


def test_tracks_take_the_number_of_the_object_they_cover_best_and_others_new_ones():
    shifted = [box_mask(8 + t, 8, 28 + t, 32) for t in range(LENGTH)]
    nothing = [None] * LENGTH
    assert shared_identities([LEFT, RIGHT], [nothing, shifted, RIGHT, LEFT]) == [3, 2, 1, 0]
    assert shared_identities([], [LEFT, RIGHT]) == [1, 0]
    assert shared_identities([LEFT], []) == []


def test_the_first_colours_are_far_apart_and_text_on_them_can_be_read():
    colors = np.array([identity_color(i) for i in range(12)], float)
    distances = np.linalg.norm(colors[:, None] - colors[None], axis=-1)
    assert distances[~np.eye(12, dtype=bool)].min() > 50
    assert text_color((250, 250, 90)) == (0, 0, 0) and text_color((90, 0, 90)) == (255,) * 3


def test_labels_stay_inside_the_panel_and_the_frame_is_not_changed():
    image = np.full((HEIGHT, WIDTH, 3), 90, np.uint8)
    corner = [box_mask(WIDTH - 2, 0, WIDTH, 2)]
    panel = draw_tracks(image, 0, [DrawnTrack(3, "a long category name 0.99", corner)])
    assert (image == 90).all()
    label = near(panel[2, panel.shape[1] - 3], identity_color(3), 80)
    assert label and panel.shape[1::-1] == panel_size(WIDTH, HEIGHT)


@pytest.mark.parametrize(
    "size, want",
    [((64, 40), (512, 320)), ((40, 64), (320, 512)), ((640, 360), (640, 360)),
     ((1920, 1080), (960, 540)), ((960, 540), (960, 540)), ((500, 300), (500, 300))],
)  # fmt: skip
def test_small_frames_grow_and_large_ones_shrink(size, want):
    assert panel_size(*size) == want


def test_a_movie_is_read_as_it_was_written(tmp_path):
    frames = [np.full((33, 47, 3), 30 * t, np.uint8) for t in range(1, 8)]
    write_movie(tmp_path / "a.mp4", frames, 12.5)
    got = list(read_movie(tmp_path / "a.mp4"))
    assert [f.shape for f in got] == [(32, 46, 3)] * 7
    assert survey_movie(tmp_path / "a.mp4").seconds == pytest.approx([1 / 12.5] * 7)
    for number, frame in enumerate(got, start=1):
        assert abs(frame.mean() - 30 * number) < 4


def test_what_is_no_video_is_refused_by_name(tmp_path):
    (tmp_path / "a.mp4").write_bytes(b"not a movie")
    with pytest.raises(InputError, match="a.mp4"):
        list(read_movie(tmp_path / "a.mp4"))
    with pytest.raises(InputError, match="b.mp4"):
        survey_movie(tmp_path / "b.mp4")


def test_sheets_and_overlays_choose_evenly():
    assert sheet_frames(20, 5) == [0, 5, 10, 14, 19] and sheet_frames(2, 6) == [0, 1]
    assert chosen_videos(range(10), 4) == [0, 2, 5, 7] and chosen_videos(range(2), 4) == [0, 1]
