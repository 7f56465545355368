import dataclasses
import json

import pytest

from experiments import report
from experiments.harness import main as harness
from experiments.harness.experiment import Experiment
from experiments.harness.means import bars_of_means, table_of_means
from experiments.harness.measures import metric
from experiments.harness.runs import Run

FIRST = Experiment(
    name="first",
    title="Table 2: of the first",
    question="Is it so?",
    expected="It is.",
    runs=(Run("only", "masktrack_rcnn"),),
    measures=(metric("AP"),),
    parts=(table_of_means, bars_of_means),
)
TITLES = ("Something else", "Figure 9: b", "Table 10: c", "Table 2: d", "Figure 3 and more")


@pytest.fixture
def workdir(data_dir, started, tmp_path):
    """Where experiments of all titles have left what came out."""
    for number, title in enumerate(TITLES):
        own = dataclasses.replace(FIRST, name=f"own{number}", title=title)
        arguments = ["--workdir", tmp_path / "work", "--data-dir", data_dir, "--seeds", 0]
        harness.main(own, list(map(str, arguments)))
    assert len(started) == 1
    return tmp_path / "work"


def test_one_page_holds_all_experiments_tables_first(workdir, capsys):
    assert report.main(["--workdir", str(workdir)]) == 0
    assert str(workdir / "report.html") in capsys.readouterr().out
    page, text = ((workdir / f"report.{kind}").read_text() for kind in ("html", "md"))
    wanted = ["Table 2: d", "Table 10: c", "Figure 3 and more", "Figure 9: b", "Something else"]
    for contents, before in ((page, "<h2>"), (text, "### ")):
        places = [contents.index(before + title) for title in wanted]
        assert places == sorted(places)
    assert page.count("<svg") == len(TITLES) and "src=" not in page and "<link" not in page
    assert text.count("| only | 1 | 10.0 |") == len(TITLES)
    assert "Expected: It is." in text and text.count("Seeds 0;") == 1  # common to all
    assert text.count("python -m experiments.own3") == 1
    numbers = json.loads((workdir / "report.json").read_text())
    assert numbers["own1"]["own1"]["runs"] == {"only": {"AP": [0.1]}}


@pytest.mark.parametrize("contents", ["{", "[]", '{"intro": [], "section": {"type": 3}}'])
def test_what_cannot_be_read_is_named(tmp_path, capsys, contents):
    path = tmp_path / "bad" / "section.json"
    path.parent.mkdir()
    path.write_text(contents)
    assert report.main(["--workdir", str(tmp_path)]) == 2
    assert str(path) in capsys.readouterr().err


def test_a_folder_without_experiments_is_bad_input(tmp_path, capsys):
    assert report.main(["--workdir", str(tmp_path)]) == 2
    assert "no experiment" in capsys.readouterr().err
