import pytest
from formats.changed_contents import set_value

from ovis_jax.formats.annotations import load_annotations
from ovis_jax.formats.errors import InputError


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        ("videos", ..., "videos: missing"),
        ("categories", ..., "categories: missing"),
        ("videos", {}, "videos: expected a list, is an object"),
        ("annotations", {}, "annotations: expected a list or null"),
        ("videos 0", 3, r"videos\[0\]: expected an object, is a number"),
        ("videos 0 width", ..., r"videos\[0\] \(id 7\): width: missing"),
        ("videos 0 height", 0, "height: expected at least 1, is 0"),
        ("videos 0 length", "3", "length: expected a whole number, is '3'"),
        ("videos 0 length", 4, r"file_names: 3 entries, expected 4"),
        ("videos 0 file_names 1", 5, "file_names, frame 1: expected a string"),
        ("videos 1 id", 7, r"videos\[0\] and videos\[1\]: both have the id 7"),
        ("categories 1 id", 5, r"categories\[0\] and categories\[1\]: both have the id 5"),
        ("categories 1 name", None, r"categories\[1\]: name: expected a string, is null"),
        ("annotations 2 id", 10, r"annotations\[0\] and annotations\[2\]: both have the id 10"),
        ("annotations 1", None, r"annotations\[1\]: expected an object, is null"),
        ("annotations 1 id", ..., r"annotations\[1\]: id: missing"),
        ("annotations 1 video_id", ..., r"\(id 11\): video_id: missing"),
        ("annotations 1 video_id", 9, r"\(id 11\): video_id: 9 is not in the file"),
        ("annotations 1 category_id", 1, r"\(id 11\): category_id: 1 is not in the file"),
        ("annotations 1 iscrowd", 2, "iscrowd: expected 0 or 1, is 2"),
        ("annotations 1 segmentations", ..., "segmentations: missing"),
        ("annotations 1 segmentations", [None], "segmentations: 1 entries, expected 2"),
        ("annotations 1 bboxes", [None], "bboxes: 1 entries, expected 2"),
        ("annotations 1 areas", [1] * 3, "areas: 3 entries, expected 2"),
        ("annotations 1 occlusion", [], "occlusion: 0 entries, expected 2"),
        ("annotations 1 bboxes 1", [1, 2, 3], "bboxes, frame 1: expected a list of 4 numbers"),
        ("annotations 1 areas 1", -1, "areas, frame 1: expected pixels from 0 on, is -1"),
        ("annotations 1 areas 1", "4", "areas, frame 1: expected a number or null, is '4'"),
        ("annotations 1 occlusion 1", "hidden", "occlusion, frame 1: expected one of .*'hidden'"),
        ("annotations 1 segmentations 1 size", [6, 4], r"frame 1: size is \[6, 4\]"),
        ("annotations 1 segmentations 0 size", [6, 4], r"frame 0: size is \[6, 4\]"),
        ("annotations 1 segmentations 0 size", None, r"frame 0: size is None"),
        ("annotations 1 segmentations 1 counts", "5", "frame 1: counts add up to 5 pixels"),
        ("annotations 1 segmentations 1 counts", "", "frame 1: counts are empty"),
        ("annotations 1 segmentations 1 counts", "~", "frame 1: counts have the character '~'"),
        ("annotations 1 segmentations 1 counts", [24, -1, 1], "frame 1: counts hold a run length"),
        ("annotations 1 segmentations 1", {}, "frame 1: run-length mask without size"),
        ("annotations 1 segmentations 1", "06", "frame 1: run-length mask without size"),
        ("annotations 1 segmentations 1", [[1, 2]], "frame 1: polygon 0 is not a list"),
        ("annotations 1 segmentations 1", [1, 1, 3, 1, 3, 3], "frame 1: .*a list of polygons, "),
        ("annotations 1 segmentations", None, "segmentations: expected a list, is null"),
        ("videos 0 file_names", [], "file_names: 0 entries, expected 3"),
        ("annotations", "none", "annotations: expected a list or null, is a string"),
        ("annotations 1 segmentations 1", [[1e9] * 6], "frame 1: polygon 0 has a coordinate"),
    ],
)
def test_an_error_names_file_entry_field_and_frame(contents, write, path, value, message):
    set_value(contents, path, value)
    file = write(contents)
    with pytest.raises(InputError, match=message) as error:
        load_annotations(file)
    assert str(error.value).startswith(f"{file}: ")
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("text", ["", "[]", '{"videos": [', '{"videos": []} x', "{", "{1: 2}"])
def test_a_malformed_file_is_bad_input(write, text):
    with pytest.raises(InputError, match="file.json"):
        load_annotations(write(text))


def test_a_file_that_is_not_there_is_bad_input(tmp_path):
    with pytest.raises(InputError, match="none.json: No such file"):
        load_annotations(tmp_path / "none.json")


def test_a_missing_key_is_not_called_null(contents, write):
    for value, word in ((None, "null"), (..., "missing")):
        set_value(contents, "annotations", value)
        annotations = load_annotations(write(contents))
        assert not annotations.has_ground_truth
        with pytest.raises(InputError, match=f"annotations: {word}, so this file has no ground"):
            annotations.check_ground_truth("to score with")


def test_all_problems_are_listed_and_none_that_follows_from_another(contents, write):
    for path, value in {
        "videos 1 width": 0,  # of the object 11
        "categories 1 name": 3,  # of the objects 11 and 12
        "annotations 0 iscrowd": 2,
        "annotations 0 areas 0": -1,
        "annotations 0 segmentations 2 counts": "5",
        "annotations 2 video_id": 99,
    }.items():
        set_value(contents, path, value)
    contents["annotations"].append(3)
    with pytest.raises(InputError) as error:
        load_annotations(write(contents))
    lines = str(error.value).splitlines()
    expected = [
        "videos[1] (id 2): width",
        "categories[1]: name",
        "annotations[2] (id 12): video_id: 99",
        "annotations[3]: expected an object",
        "annotations[0] (id 10): segmentations, frame 2",
        "annotations[0] (id 10): iscrowd",
        "annotations[0] (id 10): areas, frame 0",
    ]
    assert len(lines) == len(expected)
    assert all(text in line for text, line in zip(expected, lines, strict=True))


def test_the_list_of_problems_ends(contents, write):
    record = contents["annotations"][0] | {"iscrowd": 5}
    contents["annotations"] = [record | {"id": number} for number in range(50)]
    with pytest.raises(InputError) as error:
        load_annotations(write(contents))
    lines = str(error.value).splitlines()
    assert len(lines) == 21 and lines[-1] == "(stopped after 20 problems)"


def test_missing_frames_are_counted_and_the_first_named(contents, write, tmp_path):
    annotations = load_annotations(write(contents))
    for name in ("a/0", "a/1", "a/2", "b/1"):
        (tmp_path / "images" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "images" / name).touch()
    with pytest.raises(InputError, match="1 of 5 frames .* are missing: b/0$"):
        annotations.check_frames(tmp_path / "images")
    (tmp_path / "images/b/0").touch()
    annotations.check_frames(tmp_path / "images")
    with pytest.raises(InputError, match="no such folder"):
        annotations.check_frames(tmp_path / "elsewhere")
