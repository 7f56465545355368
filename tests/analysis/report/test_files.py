import csv
import html.parser
import io
import json
import re
import xml.etree.ElementTree as ElementTree

import pytest

from ovis_jax.analysis.analyze import SystemReport
from ovis_jax.analysis.report.files import csv_text, write_report
from ovis_jax.analysis.report.page import html_page
from ovis_jax.analysis.report.plots import svg
from ovis_jax.analysis.report.wording import blocks, cell_text, value_text
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

ODD = '<b>"A|B" & co</b>'
TABLE = Table(
    "odd",
    ODD,
    [Column(ODD), percent("share"), Column("gain", "points", 1), Column("video")],
    [
        [ODD, 0.5, Interval(0.1, -0.02, 0.25), Place("here", 3, 7)],
        ["none", None, Interval(None, None, None), "nowhere"],
    ],
    "A note.",
)
PLOTS = [
    Bars(ODD, Axis("y", "%"), [ODD, "b"], {"s": [0.5, None], ODD: [-0.25, 0]}),
    Bars("empty", Axis("y"), [], {}),
    Matrix(ODD, "rows", "columns", [ODD], ["a", ODD], [[None, 1.0]]),
    Curves(
        ODD,
        Axis("x", "frames"),
        Axis("y", "%", (0, 1)),
        [Line(ODD, [0, 1, 3], [0.5, None, 1], [0.1, None, 0.2], [0.9, None, 1]), Line("b", [], [])],
    ),
    Curves("constant", Axis("x"), Axis("y"), [Line("a", [2], [0.0])]),
]
SECTION = Section(
    "one", "One & only", "First.\n\n- a\n  b\n- c\n\nLast.", [TABLE], PLOTS, {"n": 0.5}
)


class Tags(html.parser.HTMLParser):
    """Looks that what is opened is closed; keeps texts and links."""

    void = ("meta", "path", "circle", "br")

    def __init__(self):
        super().__init__()
        self.open, self.texts, self.links, self.outside = [], [], [], []

    def handle_starttag(self, tag, attributes):
        if tag not in self.void:
            self.open.append(tag)
        for name, value in attributes:
            if name in ("href", "src"):
                self.links.append(value)

    def handle_startendtag(self, tag, attributes):
        pass

    def handle_endtag(self, tag):
        if tag not in self.void:
            assert self.open.pop() == tag

    def handle_data(self, data):
        self.texts.append(data)


def parsed(page):
    tags = Tags()
    tags.feed(page)
    assert not tags.open
    return tags


def only_first(label, place):
    return f"{label}/{place.video_id}#{place.frame}" if label == "a" else None


def test_the_page_is_whole_and_needs_nothing_else():
    reports = [SystemReport("a", [SECTION]), SystemReport("b", [SECTION])]
    page = html_page("Title", ["Intro <i>"], reports, only_first)
    tags = parsed(page)
    assert ODD in tags.texts and "Intro <i>" in tags.texts and "<b>" not in page.split("<nav>")[0]
    assert [own for own in tags.links if not own.startswith("#")] == ["a/3#7"]
    anchors = {own[1:] for own in tags.links if own.startswith("#")}
    assert anchors == {"a-one", "b-one"} and all(f'id="{own}"' in page for own in anchors)
    assert "http" not in page.replace("http://www.w3.org/2000/svg", "")


def test_cells_can_be_sorted_by_their_numbers():
    page = html_page("Title", [], [SystemReport("a", [SECTION])], only_first)
    assert 'data-key="0.5">50.0<' in page
    assert '<td data-key="0.1">+10.0 <small>[-2.0, +25.0]</small></td>' in page
    assert "<td>–</td>" in page  # nothing is known: no key


@pytest.mark.parametrize("plot", PLOTS, ids=lambda own: type(own).__name__)
def test_plots_are_drawings_within_their_frame(plot):
    root = ElementTree.fromstring(svg(plot))
    _, _, width, height = map(float, root.attrib["viewBox"].split())
    for own in root.iter("{http://www.w3.org/2000/svg}rect"):
        x, y, w, h = (float(own.attrib[k]) for k in ("x", "y", "width", "height"))
        assert 0 <= x <= x + w <= width and 0 <= y <= y + h <= height
    assert not re.search(r"\bnan\b", svg(plot))


def test_bars_are_as_long_as_their_values():
    drawing = svg(Bars("", Axis("", "%", (0, 1)), ["a"], {"s": [0.5], "t": [0.25]}))
    root = ElementTree.fromstring(drawing)
    bars = [
        float(own.attrib["width"])
        for own in root.iter("{http://www.w3.org/2000/svg}rect")
        if len(own)  # squares of the legend have no title
    ]
    assert bars[0] == pytest.approx(2 * bars[1], abs=0.2)


def test_everything_is_written_and_nothing_twice(tmp_path):
    reports = [SystemReport("a/b", [SECTION]), SystemReport("a b", [SECTION])]
    paths = write_report(tmp_path, "Title", ["Intro"], reports)
    assert len(set(paths)) == len(paths)
    assert sorted(paths) == sorted(p for p in tmp_path.rglob("*") if p.is_file())
    assert json.loads((tmp_path / "report.json").read_text())["a b"] == {"one": {"n": 0.5}}
    text = (tmp_path / "report.md").read_text()
    assert "| none | – | – | nowhere |" in text and '\\"A' not in text and "A\\|B" in text
    pictures = [line.split("](")[1][:-1] for line in text.splitlines() if line.startswith("![")]
    assert len(pictures) == 2 * len(PLOTS) and all((tmp_path / own).is_file() for own in pictures)


def test_tables_keep_all_digits():
    rows = list(csv.reader(io.StringIO(csv_text(TABLE))))
    assert rows == [
        [ODD, "share", "gain", "gain low", "gain high", "video", "video video_id", "video frame"],
        [ODD, "0.5", "0.1", "-0.02", "0.25", "here", "3", "7"],
        ["none", "", "", "", "", "nowhere", "", ""],
    ]


@pytest.mark.parametrize(
    "value, column, text",
    [
        (0.1234, percent(""), "12.3"),
        (0.0123, Column("", "points", 1), "+1.2"),
        (3, Column(""), "3"),
        (2.5, Column("", "frames", 2), "2.50"),
        (None, percent(""), "–"),
        ("x", percent(""), "x"),
    ],
)
def test_values_are_in_the_unit_of_their_column(value, column, text):
    assert value_text(value, column) == text


def test_intervals_stand_in_brackets():
    assert cell_text(Interval(0.5, 0.25, 0.75), percent("")) == "50.0 [25.0, 75.0]"


def test_texts_are_filled_anew():
    assert blocks(SECTION.text) == ["First.", ["a b", "c"], "Last."]
