import pytest

from ovis_jax.formats.annotations import load_annotations
from ovis_jax.formats.crowd_fields import check_same_crowd
from ovis_jax.formats.crowds import crowds_as_objects, many_crowds
from ovis_jax.formats.errors import InputError


def with_crowds(contents, *flags):
    for annotation, flag in zip(contents["annotations"], flags, strict=True):
        annotation["iscrowd"] = flag
    return contents


def test_a_file_of_nothing_but_crowds_is_noted_with_the_way_out(contents, write):
    found = load_annotations(write(with_crowds(contents, 1, 1, 1)))
    note = many_crowds(found, "--crowds-are-objects")
    assert "all 3 objects are crowds" in note and "--crowds-are-objects" in note
    taken = crowds_as_objects(found)
    assert many_crowds(taken, "") is None and not any(i.iscrowd for i in taken.instances)
    assert found.instances[0].iscrowd


def test_many_crowds_are_noted_and_a_few_are_not(contents, write):
    found = load_annotations(write(with_crowds(contents, 1, 1, 0)))
    assert "2 of 3 objects are crowds" in many_crowds(found, "")
    assert many_crowds(load_annotations(write(with_crowds(contents, 1, 0, 0))), "") is None


def test_a_list_for_all_frames_is_one_value_and_must_be(contents, write):
    lists = [[None, 1, 1], [0, 0], [None, None, None]]  # null where the object is absent
    found = load_annotations(write(with_crowds(contents, *lists)))
    assert [i.iscrowd for i in found.instances] == [True, False, False]
    with pytest.raises(InputError, match=r"\(id 10\): iscrowd: 1 in frame 0 and 0 in frame 2"):
        load_annotations(write(with_crowds(contents, [1, 1, 0], 0, 0)))
    for bad, shown in ((7, "7"), ([1], "a list")):
        with pytest.raises(InputError, match=f"iscrowd: expected 0 or 1, is {shown}"):
            load_annotations(write(with_crowds(contents, [bad, 1, 0], 0, 0)))


def test_entries_of_a_track_that_disagree_are_an_error_that_names_the_option():
    assert check_same_crowd(1, True, "a.json: annotations[4]", "OPTION") is True
    assert check_same_crowd(0, None, "a.json: annotations[4]", "OPTION") is False
    with pytest.raises(InputError, match=r"annotations\[4\]: iscrowd: 0, in the first .* OPTION"):
        check_same_crowd(1, 0, "a.json: annotations[4]", "OPTION")
