import itertools
import json
import pathlib

import pytest

from ovis_jax.formats.annotation_records import Category
from ovis_jax.formats.annotations import load_annotations
from ovis_jax.formats.categories import (
    CATEGORY_SETS,
    COCO,
    OVIS,
    YTVIS_2019,
    YTVIS_2021,
    initial_categories,
    label_map,
    relabel,
)

GOLDEN = pathlib.Path(__file__).parents[1] / "recorded" / "golden" / "evaluation"


def names(source, target):
    """`label_map`, by name."""
    source_names, target_names = ({c.id: c.name for c in s} for s in (source, target))
    return {source_names[k]: target_names[v] for k, v in label_map(source, target).items()}


def test_ovis_has_25_categories_from_person_to_vehical():
    assert [c.id for c in OVIS] == list(range(1, 26))
    assert OVIS[0] == Category(1, "Person") and OVIS[-1] == Category(25, "Vehical")
    assert OVIS[12] == Category(13, "Giant_panda")


def test_the_categories_of_recorded_annotation_files_are_those_of_ovis():
    recorded = json.loads((GOLDEN / "small" / "gt.json").read_text())["categories"]
    own = {(c.id, c.name) for c in OVIS}
    assert recorded and {(c["id"], c["name"]) for c in recorded} <= own


@pytest.mark.parametrize("categories", [YTVIS_2019, YTVIS_2021])
def test_youtube_vis_has_40_categories(categories):
    assert [c.id for c in categories] == list(range(1, 41))
    assert len({c.name for c in categories}) == 40


def test_the_years_of_youtube_vis_differ_in_five_categories_each():
    first, second = ({c.name for c in s} for s in (YTVIS_2019, YTVIS_2021))
    assert first - second == {"ape", "eagle", "hand", "owl", "sedan"}
    assert second - first == {"bird", "car", "flying_disc", "squirrel", "whale"}
    assert [c.name for c in YTVIS_2021] == sorted(second)


def test_coco_has_80_categories_with_gaps_in_their_ids():
    ids = {c.name: c.id for c in COCO}
    assert len(ids) == 80
    unused = {12, 26, 29, 30, 45, 66, 68, 69, 71, 83}
    assert set(ids.values()) == set(range(1, 91)) - unused
    known = {"stop sign": 13, "bird": 16, "backpack": 27, "wine glass": 46, "dining table": 67}
    known |= {"toilet": 70, "tv": 72, "mouse": 74, "book": 84, "toothbrush": 90}
    assert known.items() <= ids.items()


def test_coco_objects_take_their_place_in_ovis():
    got = names(COCO, OVIS)
    vehicles = dict.fromkeys(("car", "bus", "truck"), "Vehical")
    same = "person bird cat dog horse sheep cow elephant bear zebra giraffe bicycle motorcycle "
    same += "airplane boat"
    assert got == vehicles | {name: name.capitalize() for name in same.split()}


def test_birds_of_youtube_vis_go_to_the_narrowest_category():
    first, second = names(YTVIS_2019, OVIS), names(YTVIS_2021, OVIS)
    assert first["owl"] == first["eagle"] == second["bird"] == "Bird"
    assert first["parrot"] == "Parrot" and first["duck"] == second["duck"] == "Poultry"
    assert names(YTVIS_2019, COCO)["duck"] == "bird"
    assert names(OVIS, YTVIS_2021)["Poultry"] == "bird"
    assert "Bird" not in names(OVIS, YTVIS_2019)


def test_spelling_and_synonyms_are_seen_through():
    assert names(COCO, YTVIS_2019)["car"] == "sedan" and names(YTVIS_2019, COCO)["sedan"] == "car"
    assert names(COCO, YTVIS_2021)["frisbee"] == "flying_disc"
    assert names(COCO, YTVIS_2021)["tennis racket"] == "tennis_racket"
    assert names(YTVIS_2021, OVIS)["motorbike"] == "Motorcycle"
    assert names(OVIS, YTVIS_2021)["Giant_panda"] == "giant_panda"
    assert names(OVIS, COCO)["Giant_panda"] == "bear"
    both = (Category(1, "car"), Category(2, "sedan"))
    assert label_map(both, both[::-1]) == {1: 1, 2: 2}


def test_the_mouse_of_coco_is_no_animal():
    assert "mouse" not in names(COCO, YTVIS_2019)
    assert names(YTVIS_2019, YTVIS_2021)["mouse"] == "mouse"


PAIRS = list(itertools.product(CATEGORY_SETS.values(), repeat=2))


@pytest.mark.parametrize(("source", "target"), PAIRS)
def test_maps_go_from_known_ids_to_known_ids_and_a_set_maps_to_itself(source, target):
    got, initial = label_map(source, target), initial_categories(source, target)
    sources, targets = ({c.id for c in s} for s in (source, target))
    assert set(got) <= sources and set(got.values()) <= targets
    assert set(initial) <= targets and set().union(*initial.values()) <= sources
    assert set(got.values()) <= set(initial)
    if source is target:
        assert got == {k: k for k in sources} and initial == {k: (k,) for k in sources}


def test_classes_begin_with_the_same_the_narrower_or_the_broader_category():
    ovis, coco = ({c.name: c.id for c in s} for s in (OVIS, COCO))
    got = initial_categories(COCO, OVIS)
    assert got[ovis["Bird"]] == got[ovis["Parrot"]] == got[ovis["Poultry"]] == (coco["bird"],)
    assert got[ovis["Vehical"]] == tuple(coco[name] for name in ("car", "bus", "truck"))
    assert got[ovis["Giant_panda"]] == got[ovis["Bear"]] == (coco["bear"],)
    unknown = {c.name for c in OVIS if c.id not in got}
    assert unknown == {"Lizard", "Monkey", "Rabbit", "Tiger", "Fish", "Turtle"}


def test_relabelled_objects_keep_everything_but_their_category_and_others_are_left_out(
    contents, write
):
    contents["categories"] = [{"id": 5, "name": "owl"}, {"id": 3, "name": "snail"}]
    before = load_annotations(write(contents))
    after = relabel(before, OVIS)
    assert after.categories == OVIS and after.videos == before.videos
    kept = [instance for instance in before.instances if instance.category_id == 5]
    assert [i.id for i in after.instances] == [i.id for i in kept] == [10]
    assert [i.category_id for i in after.instances] == [2]
    assert after.instances_of(7)[0].segmentations is kept[0].segmentations
    assert not after.instances_of(2) and len(before.instances_of(2)) == 1
