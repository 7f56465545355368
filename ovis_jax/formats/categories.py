"""Categories of OVIS, YouTube-VIS and COCO, and the way from one data set's to another's.

Ids, order and spelling are those of the official annotation files, "Vehical" included. Sources: the
annotation files of OVIS and COCO 2017; for YouTube-VIS the lists that public systems register.

Which categories mean the same, or are kinds of another, is judged from their names and from what
annotators do: COCO calls pandas bears and parrots birds; its mouse belongs to a computer.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence

from ovis_jax.formats.annotation_records import Category
from ovis_jax.formats.annotations import Annotations


def _numbered(names: str) -> tuple[Category, ...]:
    """Categories from id 1 on."""
    return tuple(Category(number, name) for number, name in enumerate(names.split(), start=1))


OVIS = _numbered(
    "Person Bird Cat Dog Horse Sheep Cow Elephant Bear Zebra Giraffe Poultry Giant_panda Lizard "
    "Parrot Monkey Rabbit Tiger Fish Turtle Bicycle Motorcycle Airplane Boat Vehical"
)
YTVIS_2019 = _numbered(
    "person giant_panda lizard parrot skateboard sedan ape dog snake monkey hand rabbit duck cat "
    "cow fish train horse turtle bear motorbike giraffe leopard fox deer owl surfboard airplane "
    "truck zebra tiger elephant snowboard boat shark mouse frog eagle earless_seal tennis_racket"
)
YTVIS_2021 = _numbered(
    "airplane bear bird boat car cat cow deer dog duck earless_seal elephant fish flying_disc fox "
    "frog giant_panda giraffe horse leopard lizard monkey motorbike mouse parrot person rabbit "
    "shark skateboard snake snowboard squirrel surfboard tennis_racket tiger train truck turtle "
    "whale zebra"
)
# A dash stands for an id that COCO does not use.
_COCO_NAMES = (
    "person,bicycle,car,motorcycle,airplane,bus,train,truck,boat,traffic light,fire hydrant,-,"
    "stop sign,parking meter,bench,bird,cat,dog,horse,sheep,cow,elephant,bear,zebra,giraffe,-,"
    "backpack,umbrella,-,-,handbag,tie,suitcase,frisbee,skis,snowboard,sports ball,kite,"
    "baseball bat,baseball glove,skateboard,surfboard,tennis racket,bottle,-,wine glass,cup,fork,"
    "knife,spoon,bowl,banana,apple,sandwich,orange,broccoli,carrot,hot dog,pizza,donut,cake,chair,"
    "couch,potted plant,bed,-,dining table,-,-,toilet,-,tv,laptop,mouse,remote,keyboard,cell phone,"
    "microwave,oven,toaster,sink,refrigerator,-,book,clock,vase,scissors,teddy bear,hair drier,"
    "toothbrush"
)
COCO = tuple(
    Category(number, name)
    for number, name in enumerate(_COCO_NAMES.split(","), start=1)
    if name != "-"
)

CATEGORY_SETS = {
    "ovis": OVIS,
    "ytvis2019": YTVIS_2019,
    "ytvis2021": YTVIS_2021,
    "coco": COCO,
}

# From a name to what means the same, or else to the narrowest that includes it.
_BROADER = {
    "bus": "vehicle",
    "car": "vehicle",
    "duck": "poultry",
    "eagle": "bird",
    "frisbee": "flying disc",
    "giant panda": "bear",
    "motorbike": "motorcycle",
    "owl": "bird",
    "parrot": "bird",
    "poultry": "bird",
    "sedan": "car",
    "truck": "vehicle",
    "vehical": "vehicle",
}
_SAME = ("frisbee", "motorbike", "sedan", "vehical")  # keys that mean the same as their values
_HOMONYMS = {Category(74, "mouse"): "computer mouse"}


def label_map(source: Sequence[Category], target: Sequence[Category]) -> dict[int, int]:
    """Where the objects of one data set belong in another, as for training on both.

    Args:
      source: categories of the objects; of `CATEGORY_SETS`, or of a file with such names.
      target: categories that they shall have.

    Returns:
      From ids of `source` to ids of `target`: the same category, or else the narrowest one that
      includes it. Ids of categories without a place are left out.
    """
    places: dict[str, int] = {}
    for category in target:
        places.setdefault(_name(category), category.id)
    for category in target:
        if _name(category) in _SAME:
            places.setdefault(_BROADER[_name(category)], category.id)
    found = {}
    for category in source:
        place = next((places[name] for name in _broader_names(category) if name in places), None)
        if place is not None:
            found[category.id] = place
    return found


def relabel(annotations: Annotations, target: Sequence[Category]) -> Annotations:
    """Annotations of one data set as if they were of another's categories; see `label_map`.

    Objects of categories without a place are left out, which makes them background: for training
    that is harmless only where the target's objects do not look like them.

    Args:
      annotations: of any data set; stays as it is.
      target: categories, sorted by id.
    """
    places = label_map(annotations.categories, target)
    instances = tuple(
        dataclasses.replace(instance, category_id=places[instance.category_id])
        for instance in annotations.instances
        if instance.category_id in places
    )
    return dataclasses.replace(annotations, categories=tuple(target), instances=instances)


def initial_categories(
    source: Sequence[Category], target: Sequence[Category]
) -> dict[int, tuple[int, ...]]:
    """Which classes of a trained model those of a new one may begin with.

    Args:
      source: categories that the model was trained on.
      target: categories that the new model shall know.

    Returns:
      From ids of `target` to ids of `source`: the same category, or else those that it includes, or
      else the narrowest one that includes it. Ids of categories with neither are left out.
    """
    there, back = label_map(source, target), label_map(target, source)
    found = {}
    for category in target:
        inside = tuple(theirs for theirs, ours in there.items() if ours == category.id)
        same_or_broader = back.get(category.id)
        if same_or_broader is not None and (same_or_broader in inside or not inside):
            inside = (same_or_broader,)
        if inside:
            found[category.id] = inside
    return found


def _name(category: Category) -> str:
    """What a category is, whatever the spelling."""
    return _HOMONYMS.get(category, category.name.lower().replace("_", " "))


def _broader_names(category: Category) -> Iterator[str]:
    """The category's name, then what includes it, narrowest first."""
    name: str | None = _name(category)
    while name is not None:
        yield name
        name = _BROADER.get(name)
