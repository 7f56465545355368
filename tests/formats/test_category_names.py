"""Categories of a model are found in a file by their names."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ovis_jax.formats.annotations import Category
from ovis_jax.formats.category_names import ids_of_labels, same_labels
from ovis_jax.formats.errors import InputError


def categories(*names, first=1):
    return [Category(number, name) for number, name in enumerate(names, start=first)]


@given(st.lists(st.text(), min_size=1), st.randoms())
def test_every_label_gets_the_id_of_its_name_whatever_ids_and_order_of_the_file(names, random):
    model = categories(*names)
    found = categories(*random.sample(names, len(names)), first=100)
    ids = ids_of_labels(model, found, "a.json", "training")
    named = {category.id: category.name for category in found}
    assert [named[number] for number in ids] == names and len(set(ids)) == len(names)


def test_the_names_that_differ_are_said_on_both_sides():
    model = categories("ant", "bee", "cat")
    with pytest.raises(InputError) as error:
        ids_of_labels(model, categories("bee", "cat", "dog"), "valid.json", "train.json")
    assert str(error.value) == (
        "valid.json: categories: lacks 'ant' and has 'dog', which the model does not know; the "
        "model's are those of train.json: 'ant', 'bee', 'cat'"
    )
    with pytest.raises(InputError, match="valid.json: categories: lacks 'ant', 'cat'; the"):
        ids_of_labels(model, categories("bee"), "valid.json", "train.json")


def test_labels_are_the_same_if_their_names_are_in_the_same_order():
    assert same_labels(categories("ant", "bee"), categories("ant", "bee", first=7))
    assert not same_labels(categories("ant", "bee"), categories("bee", "ant"))
