import numpy as np
import pytest
from converters.squares import (
    HEIGHT,
    SQUARE,
    WIDTH,
    square_mask,
)

from ovis_jax.converters import cvat_video
from ovis_jax.converters.clips import Sources
from ovis_jax.formats.annotations import Category
from ovis_jax.formats.errors import InputError


def entry(frame, outside=0, tag="polygon", **fields):
    points = ";".join(f"{x:.2f},{y:.2f}" for x, y in SQUARE)
    fields = dict(frame=frame, outside=outside, occluded=0, keyframe=1) | (
        fields or dict(points=points)
    )
    attributes = " ".join(f'{name}="{value}"' for name, value in fields.items())
    return f"<{tag} {attributes}></{tag}>"


def cvat_file(*entries, size=3, kind="task", label="car"):
    track = f'<track id="5" label="{label}">{"".join(entries)}</track>'
    labels = "<labels><label><name>dog</name></label><label><name>car</name></label></labels>"
    original = f"<original_size><width>{WIDTH}</width><height>{HEIGHT}</height></original_size>"
    meta = f"<meta><{kind}><size>{size}</size>{labels}{original}</{kind}></meta>"
    head = '<?xml version="1.0" encoding="utf-8"?>'
    return f"{head}<annotations><version>1.1</version>{meta}{track}</annotations>"


def read_cvat(folder, content, **sources):
    (folder / "clip.xml").write_text(content)
    return cvat_video.read(folder / "clip.xml", Sources(**sources))


@pytest.mark.parametrize("kind", ["task", "job"])
def test_cvat_tracks_are_visible_until_they_are_outside(tmp_path, kind):
    entries = entry(0), entry(1, outside=1), entry(3), entry(4)
    read = read_cvat(tmp_path, cvat_file(*entries, size=5, kind=kind))
    (instance,) = read.instances
    assert instance.areas.tolist() == [12, 0, 0, 12, 12]
    np.testing.assert_array_equal(instance.mask(3), square_mask())
    assert read.videos[0].file_names[1] == "clip/frame_000001.jpg"
    assert [c.name for c in read.categories] == ["dog", "car"] and instance.category_id == 2


def test_cvat_masks_run_row_by_row_in_a_rectangle(tmp_path):
    mask = entry(2, tag="mask", rle="1, 3, 1, 4, 0, 3", left=2, top=1, width=4, height=3)
    (instance,) = read_cvat(tmp_path, cvat_file(mask)).instances
    want = square_mask()
    want[1, 2] = want[2, 2] = 0
    np.testing.assert_array_equal(instance.mask(2), want)


def test_cvat_frames_are_named_by_the_images_if_there_are_as_many(tmp_path):
    (tmp_path / "images/clip").mkdir(parents=True)
    for name in "abc":
        (tmp_path / f"images/clip/{name}.png").touch()
    images = tmp_path / "images"
    read = read_cvat(tmp_path, cvat_file(entry(2)), images=images)
    assert read.videos[0].file_names == ("clip/a.png", "clip/b.png", "clip/c.png")
    with pytest.raises(InputError, match="3 images, .* has 4 frames"):
        read_cvat(tmp_path, cvat_file(entry(3), size=4), images=images)


@pytest.mark.parametrize(
    "content, message",
    [
        ("no xml", "not XML"),
        ('<?xml version="1.0" encoding="none"?><annotations/>', "not XML: unknown encoding"),
        (cvat_file(entry(2)).replace("<size>3</size>", ""), "meta/task/size"),
        (cvat_file(entry(2)).replace("<width>12", "<width>x"), "original_size/width"),
        (cvat_file(entry(2), size=10**12), "meta/task/size"),
        (cvat_file(entry(2)).replace('label="car"', ""), "track 0: label: missing"),
        (cvat_file(entry(3)), "track 0, frame 3: frame: expected 0 to 2"),
        (cvat_file(entry("x")), "track 0: frame: expected a whole number, is 'x'"),
        (cvat_file(entry(0), entry(2)), "frame 2: expected an entry for frame 1"),
        (cvat_file(entry(1), entry(1)), "frame 1: expected an entry for frame 2"),
        (cvat_file(entry(0)), "track 0: expected an entry for frame 1"),
        (cvat_file(entry(2, tag="box", xtl=1)), "frame 2: expected a polygon or a mask, is 'box'"),
        (cvat_file(entry(2, points="1,2;3")), "frame 2: points"),
        (cvat_file(entry(2, points="1,2;3,4;x,1")), "frame 2: points: expected x,y;x,y;"),
        (cvat_file(entry(2, points="1,2;3,4;nan,1")), "frame 2: points"),
        (cvat_file(entry(2, tag="mask", rle="2,3", left=0, top=0, width=2, height=2)), "rle: does"),
        (
            cvat_file(entry(2, tag="mask", rle="0,4", left=11, top=0, width=2, height=2)),
            "rle: .*in",
        ),
        (
            cvat_file(entry(2, tag="mask", rle="a", left=0, top=0, width=1, height=1)),
            "rle: expected",
        ),
    ],
)
def test_what_is_wrong_with_a_cvat_file_is_said_with_track_and_frame(tmp_path, content, message):
    with pytest.raises(InputError, match=f"clip.xml.*{message}"):
        read_cvat(tmp_path, content)


def test_labels_that_are_no_given_category_are_named(tmp_path):
    with pytest.raises(InputError, match="label 'dog'"):
        read_cvat(tmp_path, cvat_file(entry(2)), categories=[Category(1, "cat")])
