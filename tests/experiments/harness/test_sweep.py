import dataclasses
import json
import pathlib

import pytest

from experiments.harness import sweep
from experiments.harness.claims import Claims


@dataclasses.dataclass(frozen=True)
class FakeRun:
    """A run that notes that it was made, in place of training."""

    folder: pathlib.Path
    made: list
    start: "FakeRun | None" = None
    label: str = "row"
    mode: str = "train_and_evaluate"

    @property
    def is_finished(self):
        return (self.folder / "metrics.json").exists()

    @property
    def seconds(self):
        path = self.folder / "metrics.json"
        return json.loads(path.read_text()) if path.exists() else None

    def leave(self, seconds=60):
        self.folder.mkdir(parents=True, exist_ok=True)
        (self.folder / "metrics.json").write_text(json.dumps(seconds))

    def finish(self):
        self.made.append(self.folder.name)
        self.leave()

    def with_starts(self):
        if self.start is not None:
            yield from self.start.with_starts()
        yield self


@pytest.fixture
def made():
    return []


@pytest.fixture
def claims(tmp_path):
    return Claims(tmp_path / "claims")


def test_what_a_run_starts_from_comes_first_and_once(tmp_path, made, claims):
    first = FakeRun(tmp_path / "first", made)
    rows = [FakeRun(tmp_path / name, made, first) for name in ("second", "third", "second")]
    sweep.finish_all([*rows, first], claims)
    assert made == ["first", "second", "third"]
    sweep.finish_all(rows, claims)
    assert made == ["first", "second", "third"]


def test_it_waits_for_what_another_process_makes(tmp_path, made, claims, monkeypatch, capsys):
    other, own = (FakeRun(tmp_path / name, made) for name in ("other", "own"))
    last = FakeRun(tmp_path / "last", made, other)
    waited = []

    def wait(seconds):
        waited.append(seconds)
        if len(waited) == 3:
            other.leave()

    monkeypatch.setattr(sweep.time, "sleep", wait)
    with Claims(tmp_path / "claims").taken("other"):
        sweep.finish_all([other, own, last], claims)
    assert made == ["own", "last"]
    assert capsys.readouterr().err.count("waiting for 2 runs of other processes") == 1


def test_progress_says_which_run_it_is_and_how_long_the_rest_takes(tmp_path, made, claims, capsys):
    runs = [FakeRun(tmp_path / f"run{k}", made) for k in range(3)]
    runs[0].leave(seconds=3600)
    assert sweep.time_left(runs, processes=1) == "; about 2 h 0 min left"
    assert sweep.time_left(runs, processes=2) == "; about 1 h 0 min left"
    assert sweep.time_left(runs[1:], processes=1) == ""  # nothing is known
    sweep.finish_all(runs, claims)
    assert "run 2 of 3: run1 (row); about 2 h 0 min left" in capsys.readouterr().err
