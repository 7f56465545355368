import json

import pytest

from ovis_jax.formats.annotations import Category
from ovis_jax.formats.category_groups import read_category_groups
from ovis_jax.formats.errors import InputError

CATEGORIES = [Category(1, "cat"), Category(2, "dog"), Category(5, "hot dog"), Category(7, "2")]
LV_VIS = {
    "info": {"year": 2023},
    "annotations": [{"id": 1}],
    "categories": [
        {"id": 1, "name": "cat", "partition": 0},
        {"id": 2, "name": "dog", "partition": 1},
        {"id": 5, "name": "hot dog", "partition": 2},
        {"id": 7, "name": "2", "partition": 3},
    ],
}


def read(folder, content):
    path = folder / "base"
    path.write_text(content if isinstance(content, str) else json.dumps(content))
    return read_category_groups(path, CATEGORIES)


@pytest.mark.parametrize(
    "content",
    [
        "cat\n\n# a remark\n  hot dog \n",
        "\ufeff1\r\n5\r\n",
        ["cat", 5],
        {"base": ["cat", "hot dog"]},
        {"base": [1, 5], "novel": ["dog", 7]},
    ],
)
def test_a_list_of_names_or_ids_says_what_is_base_and_the_rest_is_novel(tmp_path, content):
    assert read(tmp_path, content) == {"base": {1, 5}, "novel": {2, 7}}


def test_a_text_that_is_a_name_and_an_id_means_the_name(tmp_path):
    assert read(tmp_path, "2\n") == {"base": {7}, "novel": {1, 2, 5}}
    assert read(tmp_path, [2]) == {"base": {2}, "novel": {1, 5, 7}}


def test_the_partition_of_an_lv_vis_file_says_what_is_base_and_novel(tmp_path):
    assert read(tmp_path, LV_VIS) == {"base": {1, 2}, "novel": {5, 7}}
    neither = LV_VIS["categories"][:3] + [LV_VIS["categories"][3] | {"partition": 4}]
    assert read(tmp_path, {"categories": neither}) == {"base": {1, 2}, "novel": {5}}


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("cat\nmouse\nhorse\n", "line 2: 'mouse' is no category of the annotations\n.*line 3"),
        ([1, 3], "entry 1: 3 is no category"),
        ({"base": [1], "novel": [1, 2]}, "'cat' .id 1. is base and novel"),
        ({"base": "cat"}, "base: expected a list"),
        ({"names": ["cat"]}, "expected a list of base categories, or `categories`"),
        ({"categories": [{"id": 1, "name": "cat"}]}, r"categories\[0\]: partition: missing"),
        ("\n", "no category, expected at least one"),
        ("[1,", "malformed JSON"),
    ],
)
def test_what_is_wrong_with_a_list_is_said(tmp_path, content, message):
    with pytest.raises(InputError, match=f"(?s){tmp_path}/base.*{message}"):
        read(tmp_path, content)


def test_a_name_of_two_categories_is_refused(tmp_path):
    (tmp_path / "base").write_text("cat\n")
    with pytest.raises(InputError, match="several categories"):
        read_category_groups(tmp_path / "base", [Category(1, "cat"), Category(2, "cat")])


def test_a_missing_file_and_a_binary_one_are_bad_input(tmp_path):
    with pytest.raises(InputError, match="No such file"):
        read_category_groups(tmp_path / "none", CATEGORIES)
    (tmp_path / "base").write_bytes(b"\x80\x04\x95")
    with pytest.raises(InputError, match="not UTF-8 text"):
        read_category_groups(tmp_path / "base", CATEGORIES)
