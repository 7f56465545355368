import pytest
from converters.cvat_documents import (
    SIZE,
    areas,
    document,
    entry,
    read_cvat,
    task,
    track,
)
from converters.squares import HEIGHT, WIDTH

from ovis_jax.formats.errors import InputError

SEGMENTS = "<segment><id>3</id><start>5</start><stop>7</stop></segment>"


def polygons(*frames, last=None):
    closing = [] if last is None else [entry(last, outside=1)]
    return track(*(entry(frame) for frame in frames), *closing)


def in_project(number, size, subset="default", original=SIZE, **fields):
    """A task of a project."""
    fields = dict(id=number, name=f"clip {number}", subset=subset) | fields
    return task(size, original=original, **fields)


def project(*tasks):
    return f"<project><id>1</id><name>all</name><tasks>{''.join(tasks)}</tasks></project>"


def test_frames_of_a_job_are_numbered_from_its_first_frame(tmp_path):
    meta = task(3, kind="job", original="", start_frame=5, stop_frame=7, segments=SEGMENTS) + SIZE
    read = read_cvat(tmp_path, document(meta, polygons(5, 6, last=7)))
    assert areas(read.instances[0]) == [12, 12, 0]
    video = read.videos[0]
    assert (video.width, video.height) == (WIDTH, HEIGHT)
    assert video.file_names[0] == "clip/frame_000005.jpg"


@pytest.mark.parametrize("frames", [(5, 6), (0, 1)])
def test_a_job_without_a_start_is_numbered_from_its_segment_or_from_zero(tmp_path, frames):
    meta = task(3, kind="job", segments=SEGMENTS)
    read = read_cvat(tmp_path, document(meta, polygons(*frames, last=frames[-1] + 1)))
    assert areas(read.instances[0]) == [12, 12, 0]


def test_frame_numbers_are_those_of_the_original_video(tmp_path):
    meta = task(4, start_frame=10, stop_frame=25, frame_filter="step=5")
    content = document(meta, polygons(10, 15, last=20), polygons(25, last=30))
    read = read_cvat(tmp_path, content)
    assert [areas(i) for i in read.instances] == [[12, 12, 0, 0], [0, 0, 0, 12]]
    assert read.videos[0].file_names[-1] == "clip/frame_000025.jpg"


def test_a_video_without_size_has_the_frames_from_its_first_to_its_last(tmp_path):
    meta = task(start_frame=10, stop_frame=24, frame_filter="step = 5").replace(
        "<size>3</size>", ""
    )
    assert read_cvat(tmp_path, document(meta, polygons(10))).videos[0].length == 3


def test_frames_that_are_numbered_without_steps_are_read_with_a_note(tmp_path):
    notes = []
    meta = task(4, start_frame=10, stop_frame=25, frame_filter="step=5")
    read = read_cvat(tmp_path, document(meta, polygons(0, 1, 2, 3)), notes=notes)
    assert areas(read.instances[0]) == [12, 12, 12, 12]
    assert "numbered from 0 in steps of 1, where CVAT would write 10 and 5" in notes[0]


def test_a_frame_between_the_steps_is_an_error(tmp_path):
    meta = task(3, start_frame=0, stop_frame=10, frame_filter="step=5")
    with pytest.raises(InputError, match="frame 7: frame: expected 0 in steps of 5 to 10"):
        read_cvat(tmp_path, document(meta, polygons(5, 7)))


def test_a_project_has_a_video_for_each_task(tmp_path):
    small = SIZE.replace(f">{WIDTH}<", ">11<")
    meta = project(
        in_project(4, 3, "a", start_frame=1),
        in_project(7, 2, "a", small, start_frame=2),
        in_project(9, 2, "b"),
    )
    one, two = entry(0), entry(1, outside=1)
    content = document(
        meta,
        track(entry(1), entry(2, outside=1), task_id=4, subset="a", group_id=1),
        track(entry(6), entry(7), task_id=7, subset="a", group_id=1),
        track(one, two, task_id=9, subset="b", label="dog"),
    )
    notes = []
    read = read_cvat(tmp_path, content, notes=notes)
    assert [(v.width, v.length) for v in read.videos] == [(WIDTH, 3), (11, 2), (WIDTH, 2)]
    names = [v.file_names[0].removesuffix(".jpg") for v in read.videos]
    assert names == ["clip 4/frame_000001", "clip 7/frame_000006", "clip 9/frame_000000"]
    assert [areas(i) for i in read.instances] == [[12, 0, 0], [12, 12], [12, 0]]
    assert [(i.video_id, i.category_id) for i in read.instances] == [(1, 2), (2, 2), (3, 1)]
    assert not notes


def test_a_project_may_number_the_frames_of_each_task_from_its_own_start(tmp_path):
    content = document(
        project(in_project(4, 3), in_project(7, 2)),
        track(entry(0), entry(1), entry(2), task_id=4),
        track(entry(0), entry(1), task_id=7),
    )
    read = read_cvat(tmp_path, content)
    assert [areas(i) for i in read.instances] == [[12, 12, 12], [12, 12]]


@pytest.mark.parametrize("name", ["a/b", "..", "", "C:\\x"])
def test_tasks_whose_name_cannot_be_that_of_a_folder_are_called_by_their_id(tmp_path, name):
    content = document(project(in_project(4, 1, name=name), in_project(7, 1, name="Ü")))
    videos = read_cvat(tmp_path, content).videos
    assert [v.file_names[0].split("/")[0] for v in videos] == ["task_4", "Ü"]


def test_tasks_of_one_name_are_called_by_their_ids(tmp_path):
    content = document(project(in_project(4, 1, name="x"), in_project(7, 1, name="X")))
    videos = read_cvat(tmp_path, content).videos
    assert [v.file_names[0].split("/")[0] for v in videos] == ["task_4", "task_7"]


def test_the_images_of_a_project_are_in_a_folder_for_each_task(tmp_path):
    for folder in ("one.mp4", "two", "task_9"):
        (tmp_path / "images" / folder).mkdir(parents=True)
        (tmp_path / "images" / folder / "0.png").touch()
    tasks = [in_project(n, 1, name=name) for n, name in ((4, "one.mp4"), (7, "two.mp4"), (9, ""))]
    content = document(project(*tasks))
    read = read_cvat(tmp_path, content, images=tmp_path / "images")
    names = [video.file_names[0] for video in read.videos]
    assert names == ["one.mp4/0.png", "two/0.png", "task_9/0.png"]


@pytest.mark.parametrize(
    "tasks, fields, message",
    [
        ([in_project(4, 1), in_project(5, 1)], {}, "track 0: task_id: missing"),
        ([in_project(4, 1), in_project(5, 1)], dict(task_id=6), "track 0: task_id: no task .*'6'"),
        ([in_project(4, 1), in_project(4, 1)], dict(task_id=4), "another id for every task"),
        ([in_project(4, "x")], dict(task_id=4), r"meta/project/tasks/task\[0\]/size"),
    ],
)
def test_what_is_wrong_with_a_project_is_said(tmp_path, tasks, fields, message):
    with pytest.raises(InputError, match=f"clip.xml.*{message}"):
        read_cvat(tmp_path, document(project(*tasks), track(entry(0), **fields)))
