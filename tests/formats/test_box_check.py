import dataclasses
import json

import numpy as np
import pytest

from ovis_jax.formats import box_check, rle
from ovis_jax.formats.annotations import load_annotations
from ovis_jax.formats.box_check import check_boxes, compare_boxes
from ovis_jax.formats.errors import InputError
from ovis_jax.formats.mask_boxes import with_mask_boxes

HEIGHT, WIDTH, FRAMES = 120, 200, 12


def places(seed):
    """[FRAMES, 4] whole (x, y, width, height) of an object that moves quickly."""
    random = np.random.default_rng(seed)
    sides = random.integers([30, 14], [50, 24])
    return np.array(
        [[*random.integers([0, 0], [WIDTH - 60, HEIGHT - 40]), *sides] for _ in range(FRAMES)]
    )


def mask_of(box):
    x, y, w, h = box
    mask = np.zeros((HEIGHT, WIDTH), np.uint8)
    mask[y : y + h, x : x + w] = 1
    return rle.encode(mask)


def polygon_of(box):
    x, y, w, h = (float(v) for v in box)
    return [[x, y, x + w, y, x + w, y + h, x, y + h]]


@pytest.fixture
def load(tmp_path):
    """Reads a file of three objects whose boxes are changed by a function of [FRAMES, 4]."""

    def read(change=lambda boxes: boxes, draw=mask_of, **fields):
        names = [f"clip/{frame:05d}.jpg" for frame in range(FRAMES)]
        video = dict(id=4, width=WIDTH, height=HEIGHT, length=FRAMES, file_names=names)
        objects = []
        for number in range(3):
            masks = [draw(box) for box in places(number)]
            boxes = [
                None if np.isnan(b).any() else b.tolist()
                for b in np.array(change(places(number).astype(float)), float)
            ]
            objects.append(
                dict(id=70 + number, video_id=4, category_id=1, segmentations=masks, bboxes=boxes)
                | fields
            )
        document = dict(videos=[video], categories=[dict(id=1, name="a")], annotations=objects)
        path = tmp_path / "a.json"
        path.write_text(json.dumps(document))
        return load_annotations(path)

    return read


def corners(boxes):
    return np.concatenate([boxes[:, :2], boxes[:, :2] + boxes[:, 2:]], axis=1)


def centres(boxes):
    return np.concatenate([boxes[:, :2] + boxes[:, 2:] / 2, boxes[:, 2:]], axis=1)


def relative(boxes):
    return boxes / [WIDTH, HEIGHT, WIDTH, HEIGHT]


@pytest.mark.parametrize(
    ("change", "cause"),
    [
        (corners, "written as x1, y1, x2, y2"),
        (relative, "written as x, y, width, height, in shares of the frame"),
        (lambda b: relative(corners(b)), "written as x1, y1, x2, y2, in shares of the frame"),
        (lambda b: relative(centres(b)), "written as centre x, centre y, width, height, in shares"),
        (centres, "written as centre x, centre y, width, height"),
        (lambda b: b[:, [1, 0, 3, 2]], "written as y, x, height, width"),
        (lambda b: corners(b)[:, [1, 0, 3, 2]], "written as y1, x1, y2, x2"),
        (lambda b: 2 * b, "of frames 2 times the size"),
        (lambda b: b / 3, "of frames 0.333 times the size"),
        (lambda b: np.roll(b, 1, axis=0), "each of the frame before"),
        (lambda b: b[::-1], "of the frames in reverse order"),
        (lambda b: b[sorted(range(FRAMES), key=str)], "of the frames sorted as 1, 10, 11, …, 2"),
        (lambda b: 0 * b, ""),
    ],
)
@pytest.mark.parametrize("draw", [mask_of, polygon_of])
def test_boxes_that_contradict_all_over_are_an_error_with_the_likely_cause(
    load, change, cause, draw
):
    with pytest.raises(InputError) as error:
        check_boxes(load(change, draw), "--boxes-from-masks", pytest.fail)
    first, *examples, last = str(error.value).splitlines()
    assert " of 36 boxes that were compared contradict the masks" in first and cause in first
    assert "annotations[0] (id 70): bboxes, frame " in examples[0] and "(clip/000" in examples[0]
    assert "--boxes-from-masks" in last and len(examples) == box_check._SHOWN + 1


@pytest.mark.parametrize(
    ("kept", "cause"),
    [(slice(1, None), "each of the frame after"), (slice(None, -1), "each of the frame before")],
)
@pytest.mark.parametrize("gap", [None, 3])
def test_boxes_of_another_frame_are_found_where_some_frames_have_none(load, kept, cause, gap):
    nothing = np.full((1, 4), np.nan)

    def shifted(boxes):
        if gap is not None:
            boxes[gap] = np.nan
        rest = boxes[:6][kept]
        rest = np.concatenate([rest, nothing] if kept.start else [nothing, rest])
        return np.concatenate([rest, np.repeat(nothing, FRAMES - 6, axis=0)])

    report = compare_boxes(load(shifted))
    assert report.systematic and report.cause == cause


def test_frames_without_names_are_named_by_their_numbers(load):
    annotations = load(corners)
    videos = tuple(dataclasses.replace(video, file_names=()) for video in annotations.videos)
    report = compare_boxes(dataclasses.replace(annotations, videos=videos))
    assert report.first[0].place == "annotations[0] (id 70): bboxes, frame 0"


def test_a_message_has_both_boxes(load):
    report = compare_boxes(load(corners))
    box, around = places(0)[0].tolist(), report.first[0].mask_box
    assert list(around) == box and list(report.first[0].box) == corners(places(0))[0].tolist()
    assert f"the mask fills [{box[0]}, {box[1]}, {box[2]}, {box[3]}]" in report.lines()[1]


@pytest.mark.parametrize(
    "change",
    [
        lambda b: b,
        lambda b: b + [-1, 1, 1, -1],
        lambda b: b + [0, 0, -1, -1],
        lambda b: b + np.array([-0.4, -0.2, 0.6, 0.4]) * np.tile(b[:, 2:], 2),  # whole objects
        lambda b: b * np.nan,
        lambda b: np.where(np.arange(FRAMES)[:, None] % 2, np.nan, b),
    ],
)
@pytest.mark.parametrize("draw", [mask_of, polygon_of])
def test_boxes_that_are_rounded_larger_or_absent_are_no_contradiction(load, change, draw):
    assert compare_boxes(load(change, draw)).lines() == []


def test_specks_of_a_mask_far_from_its_box_are_no_contradiction(load):
    def speckled(box):
        x, y, w, h = box
        mask = np.zeros((HEIGHT, WIDTH), np.uint8)
        mask[y : y + h, x : x + w] = 1
        mask[0, 0] = mask[-1, -1] = 1
        return rle.encode(mask)

    assert compare_boxes(load(draw=speckled)).num_wrong == 0


def test_single_boxes_are_warnings_that_say_where_they_would_fit(load):
    def swapped(boxes):
        if (boxes == places(1)).all():
            boxes[[5, 8]] = boxes[[8, 5]]
        return boxes

    warnings = []
    check_boxes(load(swapped), "OPTION", warnings.append)
    assert "2 of 36 boxes" in warnings[0] and len(warnings) == 4
    assert "annotations[1] (id 71): bboxes, frame 5 (clip/00005.jpg)" in warnings[1]
    assert "the box of frame 8 would fit" in warnings[1]
    assert "frame 8 (clip" in warnings[2] and "the box of frame 5 would fit" in warnings[2]


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("value", [1e308, -1e308, -3.0, 1e5])
def test_numbers_that_no_box_should_have_are_contradictions(load, value):
    assert compare_boxes(load(lambda boxes: boxes * 0 + value)).num_wrong == 36


def test_crowds_are_not_compared(load):
    assert compare_boxes(load(corners, iscrowd=1)).num_compared == 0


def test_of_a_large_file_some_masks_and_odd_boxes_are_compared(load, monkeypatch):
    monkeypatch.setattr(box_check, "MAX_COMPARED", 6)

    def tiny_in_frame_7(boxes):
        boxes[7, 2:] = 1
        return boxes

    report = compare_boxes(load(tiny_in_frame_7))
    assert report.num_wrong >= 3 and report.num_compared < 36
    assert all("frame 7" in wrong.place for wrong in report.first)
    assert compare_boxes(load(corners)).systematic


def test_boxes_drawn_around_masks_contradict_nothing(load):
    mended = with_mask_boxes(load(corners))
    np.testing.assert_array_equal(mended.instances[1].boxes, places(1))
    assert compare_boxes(mended).lines() == []
