import pytest
from converters.cvat_documents import (
    areas,
    document,
    entry,
    read_cvat,
    task,
    track,
)

from ovis_jax.formats.errors import InputError


def entries(*frames, **fields):
    return [entry(frame, **fields) for frame in frames]


@pytest.mark.parametrize("keyframe", [0, 1])
def test_frames_that_no_track_has_are_taken_as_deleted(tmp_path, keyframe):
    notes = []
    content = document(
        task(8),
        track(*entries(0, 1, 3, 4, 6, keyframe=keyframe), entry(7, outside=1)),
        track(*entries(1, 3, keyframe=keyframe), entry(4, outside=1)),
    )
    first, second = read_cvat(tmp_path, content, notes=notes).instances
    assert areas(first) == [12, 12, 0, 12, 12, 0, 12, 0]
    assert areas(second) == [0, 12, 0, 12, 0, 0, 0, 0]
    (note,) = notes
    assert "no track has an entry for 2 frames (2, 5)" in note and "deleted" in note


def test_a_deleted_frame_may_have_the_outside_entry_of_a_shape(tmp_path):
    content = document(
        task(6),
        track(*entries(0, 1, 3, 4, 5)),
        track(entry(1), entry(2, outside=1)),
    )
    first, second = read_cvat(tmp_path, content).instances
    assert areas(first) == [12, 12, 0, 12, 12, 12] and areas(second) == [0, 12, 0, 0, 0, 0]


@pytest.mark.parametrize("frames", [(0, 5, 10), (0, 1, 5, 10), (0, 9), (3, 4, 11)])
def test_key_frames_alone_are_refused_with_how_to_repair_the_file(tmp_path, frames):
    content = document(task(12), track(*entries(*frames)))
    with pytest.raises(InputError, match="expected an entry for frame .*import .* export it again"):
        read_cvat(tmp_path, content)


def test_a_frame_that_another_track_has_was_not_deleted(tmp_path):
    lone = track(*entries(0, 1, 3, 4, keyframe=0))
    content = document(task(5), lone, track(*entries(0, 1, 2, 3, 4, keyframe=0)))
    with pytest.raises(InputError, match="track 0, frame 3: expected an entry for frame 2"):
        read_cvat(tmp_path, content)
