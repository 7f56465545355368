"""Classes that transformers names beside the weights are those of the model, in its order."""

import json

import pytest

from ovis_jax.formats.annotation_records import Category
from ovis_jax.formats.categories import CATEGORY_SETS
from ovis_jax.formats.errors import InputError
from ovis_jax.weights.hub_labels import check_hub_labels

OVIS = CATEGORY_SETS["ovis"]


def beside(folder, content):
    (folder / "config.json").write_text(
        content if isinstance(content, str) else json.dumps(content)
    )
    return folder / "model.safetensors"


def labels(categories):
    return {"id2label": {str(i): c.name for i, c in enumerate(categories)}}


def test_the_same_classes_in_the_same_order(tmp_path):
    source = beside(tmp_path, labels(OVIS))
    assert "25" in check_hub_labels(source, OVIS)
    assert check_hub_labels(tmp_path, OVIS) == check_hub_labels(source, OVIS)


def test_names_may_be_written_otherwise(tmp_path):
    written = [Category(c.id, c.name.upper().replace("_", " ")) for c in OVIS]
    assert check_hub_labels(beside(tmp_path, labels(written)), OVIS)


def test_another_order_is_named(tmp_path):
    turned = [OVIS[1], OVIS[0], *OVIS[2:]]
    with pytest.raises(InputError, match=r"id2label.0: 'Bird', expected 'Person'"):
        check_hub_labels(beside(tmp_path, labels(turned)), OVIS)


def test_another_number_of_classes(tmp_path):
    with pytest.raises(InputError, match="24 classes, expected the 25"):
        check_hub_labels(beside(tmp_path, labels(OVIS[:-1])), OVIS)


@pytest.mark.parametrize(
    "content", [{}, {"id2label": {}}, {"id2label": {"0": "LABEL_0", "1": "LABEL_1"}}, []]
)
def test_without_names_there_is_nothing_to_compare(content, tmp_path):
    assert check_hub_labels(beside(tmp_path, content), OVIS) == ""
    assert check_hub_labels(tmp_path / "elsewhere" / "x.pth", OVIS) == ""


@pytest.mark.parametrize(
    ("content", "error"),
    [
        ("{", "expected a JSON file"),
        ({"id2label": {"0": 3}}, "expected a text"),
        ({"id2label": {"1": "Person"}}, "expected the numbers 0 to 0"),
    ],
)
def test_what_cannot_be_read_is_said(content, error, tmp_path):
    with pytest.raises(InputError, match=f"config.json: .*{error}"):
        check_hub_labels(beside(tmp_path, content), OVIS)
