import pytest

from ovis_jax.converters.sources import Sources
from ovis_jax.formats.annotations import Category
from ovis_jax.formats.documents import from_document
from ovis_jax.formats.errors import InputError

GIVEN = [Category(9, "fish"), Category(7, "bird")]


def annotations_of(category_id):
    video = dict(id=1, width=4, height=3, length=1, file_names=["a.jpg"])
    objects = [dict(id=1, video_id=1, category_id=category_id, segmentations=[None])]
    categories = [dict(id=1, name="fish"), dict(id=2, name="bird"), dict(id=3, name="cow")]
    return from_document(dict(videos=[video], categories=categories, annotations=objects), "a.json")


def test_the_same_line_is_kept_once():
    sources = Sources()
    for text in ("a", "b", "a"):
        sources.note(text)
    assert sources.notes == ["a", "b"]


def test_categories_that_are_given_give_ids_by_name_where_objects_use_them():
    placed = Sources(categories=GIVEN).in_categories(annotations_of(2))
    assert placed.instances[0].category_id == 7 and [c.id for c in placed.categories] == [7, 9]
    with pytest.raises(InputError, match=r"a.json: label 'cow' is none of the given categories"):
        Sources(categories=GIVEN).in_categories(annotations_of(3))
    assert Sources().in_categories(annotations_of(3)).instances[0].category_id == 3


def test_ids_without_names_are_those_given_or_are_named_by_their_number():
    assert Sources(categories=GIVEN).categories_of_ids({7}, "a") == GIVEN
    assert Sources().categories_of_ids({5, 2}, "a") == [
        Category(2, "category 2"), Category(5, "category 5")]  # fmt: skip
    with pytest.raises(InputError, match="a: category 5 is none of the given categories"):
        Sources(categories=GIVEN).categories_of_ids({7, 5}, "a")


def test_the_images_of_a_video_come_in_the_order_of_their_numbers(tmp_path):
    (tmp_path / "clip").mkdir()
    for name in ("10.JPG", "9.jpg", "._9.jpg", "notes.txt"):
        (tmp_path / "clip" / name).touch()
    sources = Sources(images=tmp_path)
    assert sources.image_names("clip") == ["clip/9.jpg", "clip/10.JPG"]
    assert sources.frame_names("clip", ["10", "9"]) == ["clip/10.JPG", "clip/9.jpg"]
    with pytest.raises(InputError, match=r"no such folder; .*--images.* has a folder .*'other'"):
        sources.image_names("other")
