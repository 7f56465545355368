"""What experiments show of their rows, on runs whose numbers are known."""

import pytest
from data.rectangles import video, write

from experiments.harness.data_statistics import dataset_statistics
from experiments.harness.datasets import OVIS, QUICKSTART
from experiments.harness.differences import differences, error_rates
from experiments.harness.experiment import Experiment, Outcome, Paper
from experiments.harness.figures import class_precision, confusion, curves
from experiments.harness.means import bars_of_means
from experiments.harness.measures import metric
from ovis_jax.analysis.sections import Axis

DOG = 4  # what `finished` may call its cats


def outcome(rows, measures=(), paper=Paper(), dataset=QUICKSTART, places=None):  # noqa: B008
    experiment = Experiment("name", "Title", "?", measures=measures, paper=paper)
    return Outcome(experiment, dataset, places or {}, rows)


def test_differences_have_intervals_over_videos_of_means_over_seeds(finished):
    rows = {
        "first": [finished("first", [1, 2, 3], seed=seed) for seed in (0, 1)],
        "same": [finished("same", [1, 2, 3])],
        "half": [finished("half", [1, 2, 3]), finished("half", [], seed=1)],
    }
    found = differences(outcome(rows))
    assert found.lines == [
        "same against first: AP +0.0 points, 95 % interval [+0.0, +0.0], which holds 0.",
        "half against first: AP -50.0 points, 95 % interval [-50.0, -50.0].",
    ]
    numbers = found.values["intervals"]["half"]["AP"]
    assert numbers["value"] == pytest.approx(0.5) and numbers["difference"] == pytest.approx(-0.5)


def test_a_row_alone_has_no_differences(finished):
    assert differences(outcome({"only": [finished("only", [1])]})).tables == ()


def test_error_rates_add_up_the_objects_of_all_seeds(finished):
    rows = {
        "mixed": [finished("right", [1, 2, 3]), finished("wrong", [1, 2, 3], DOG, seed=1)],
        "right": [finished("other", [1, 2, 3])],
    }
    found = error_rates(outcome(rows))
    numbers = found.values["errors"]
    assert numbers["mixed"]["classification, severe"]["value"] == pytest.approx(0.5)
    assert numbers["right"]["classification, severe"]["value"] == 0
    assert numbers["right"]["identity switch, no"]["value"] is None  # nothing came before
    assert [len(plot.groups) for plot in found.plots] == [2, 2, 2]


def test_classes_are_sorted_by_ap_and_those_without_objects_left_out(finished):
    rows = {"a": [finished("a", [1, 2]), finished("a", [1], seed=1)], "b": [finished("b", [])]}
    found = class_precision(outcome(rows))
    assert [row[0] for row in found.tables[0].rows] == ["Cat"]
    assert found.tables[0].rows[0][1:] == [pytest.approx(0.5), 0]
    assert found.plots[0].series == {"a": [pytest.approx(0.5)], "b": [0]}


def test_confusion_has_a_matrix_for_each_row_with_the_sums_over_seeds(finished):
    runs = [finished("c", [1, 2, 3]), finished("c", [1, 2], DOG, seed=1)]
    found = confusion(outcome({"a": runs}))
    names = found.plots[0].columns
    shares = dict(zip(names, found.plots[0].values[0], strict=True))
    assert found.plots[0].rows == ["Cat"]
    assert shares == pytest.approx({"Cat": 6 / 12, "Dog": 4 / 12, "Boat": 0, "not found": 2 / 12})
    assert found.lines == [
        "a: Cat is most often taken for another class, Dog (33.3 % of its objects in frames)."
    ]


def test_curves_join_the_rows_of_one_system_in_the_order_of_their_numbers(finished):
    rows = {
        f"system, {n}": [finished(f"s{n}", [], AP=n / 10), finished(f"s{n}", [], seed=1, AP=n / 5)]
        for n in (2, 0, 1)
    }
    of = {own[0].folder: int(label[-1]) for label, own in rows.items()}
    part = curves("AP", Axis("n"), lambda run: of[run.folder], [metric("AP"), metric("AP_HO")])
    found = part(outcome(rows))
    (line,) = found.plots[0].lines  # nothing is known of AP_HO
    assert line.label == "system, AP" and line.x == [0, 1, 2]
    assert line.y == pytest.approx([0, 0.15, 0.3])
    assert line.high[1] == pytest.approx(0.15 + 0.05 * 2**0.5)  # of 0.1 and 0.2
    assert found.lines == [
        "system, AP goes from 0.0 at n 0 to 30.0 at 2; it is highest at 2 (30.0)."
    ]


def test_bars_leave_out_what_no_row_has(finished):
    rows = {"a": [finished("bars", [], AP=0.5)]}
    found = bars_of_means(outcome(rows, [metric("AP"), metric("AP_HO")]))
    assert found.plots[0].series == {"AP": [0.5]}


def test_data_sets_are_counted_and_the_papers_numbers_are_its_own(truth, tmp_path):
    empty = write(tmp_path / "null.json", [video(1, 2)], None)
    places = {"data.train_annotations": str(truth), "data.eval_annotations": str(empty)}
    paper = Paper(rows={"OVIS": {"objects_per_frame": 4.72}})
    found = dataset_statistics(outcome({}, paper=paper, dataset=OVIS, places=places))
    (table,) = found.tables
    assert [column.name for column in table.columns] == ["", "training", "OVIS (the paper's)"]
    rows = {row[0]: row[1:] for row in table.rows}
    assert rows["objects per frame"] == ["1.00", "4.72"] and rows["videos"] == ["3", None]
    assert rows["severe occlusion"] == ["0.500", None]
    titles = [plot.title for plot in found.plots]
    assert titles[:4] == [
        "Instance duration",
        "Box occlusion rate",
        "Instances per video",
        "Objects per frame",
    ]
    objects = found.plots[3].lines[0]
    assert dict(zip(objects.x, objects.y, strict=True)) == {0: 0, 1: 1}
