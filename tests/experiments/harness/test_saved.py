import json

import pytest

from experiments.harness.saved import from_json, to_json
from ovis_jax.analysis.sections import (
    Axis,
    Bars,
    Column,
    Curves,
    Interval,
    Line,
    Matrix,
    Place,
    Section,
    Table,
    percent,
)
from ovis_jax.formats.errors import InputError

SECTION = Section(
    "name",
    "Title",
    "Text.",
    [
        Table(
            "table",
            "A table",
            [Column("a"), percent("b")],
            [["x", Interval(0.1, None, 0.3)], [Place("y", 3, 4), None]],
        )
    ],
    [
        Bars("bars", Axis("AP", "%", [0, 1]), ["g"], {"s": [0.5]}),
        Curves("curves", Axis("x"), Axis("y"), [Line("l", [0, 1], [0.1, None])]),
        Matrix("matrix", "true", "predicted", ["r"], ["c", "d"], [[0.2, None]]),
    ],
    {"numbers": {"type": 1, "fields": 2, "more": [1.5, None]}},
)


def test_a_section_comes_back_from_json_as_it_was():
    back = from_json(json.loads(json.dumps(to_json(SECTION))))
    assert to_json(back) == to_json(SECTION)
    assert back.tables[0].rows[0][1] == Interval(0.1, None, 0.3)
    assert back.plots[1].lines[0].y == [0.1, None]
    assert back.values == SECTION.values


@pytest.mark.parametrize(
    "bad", [{"type": "Unknown", "fields": {}}, {"type": "Axis", "fields": {"no_such": 1}}]
)
def test_other_contents_are_bad_input(bad):
    with pytest.raises(InputError):
        from_json(bad)
