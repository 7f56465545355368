import dataclasses
import json
import multiprocessing
import os
import pathlib
import sys
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from experiments.harness import processes
from ovis_jax.formats.errors import InputError


@pytest.fixture
def two_cores(all_cores):
    if len(processes.cores()) < 2:
        pytest.skip("needs two cores")


@dataclasses.dataclass(frozen=True)
class Meeting:
    """A run that notes who made it, and ends when another run has begun."""

    folder: pathlib.Path
    code: int = 0
    start: None = None
    label: str = "row"
    mode: str = "train_and_evaluate"
    seconds: None = None

    @property
    def is_finished(self):
        return (self.folder / "metrics.json").exists()

    def finish(self):
        print("made", self.folder.name)
        self.folder.mkdir(parents=True, exist_ok=True)
        (self.folder / "begun").touch()
        deadline = time.monotonic() + 120
        while len(list(self.folder.parent.glob("*/begun"))) < 2 and time.monotonic() < deadline:
            time.sleep(0.01)
        if self.code:
            sys.exit(self.code)
        note = {"process": os.getpid(), "cores": processes.cores()}
        (self.folder / "metrics.json").write_text(json.dumps(note))

    def with_starts(self):
        yield self


@given(st.lists(st.integers(0, 200), min_size=1, max_size=40, unique=True), st.data())
def test_every_core_is_one_process_and_none_has_two_more_than_another(own, data):
    number = data.draw(st.integers(1, len(own)))
    shares = processes.shares_of(own, number)
    sizes = [len(share) for share in shares]
    assert sum(shares, []) == own and len(shares) == number
    assert min(sizes) >= 1 and max(sizes) - min(sizes) <= 1


@pytest.mark.parametrize("number", [-1, 0, 3])
def test_a_process_without_a_core_is_refused(number):
    with pytest.raises(InputError, match=f"--processes: {number}, expected 1 to 2"):
        processes.shares_of([4, 5], number)


@pytest.mark.usefixtures("two_cores")
def test_runs_are_made_side_by_side_on_cores_of_their_own(tmp_path):
    runs = [Meeting(tmp_path / "runs" / name) for name in ("first", "second")]
    before = processes.cores()
    processes.finish_side_by_side(runs, tmp_path, 2)
    notes = [json.loads((run.folder / "metrics.json").read_text()) for run in runs]
    assert len({note["process"] for note in notes}) == 2
    if hasattr(os, "sched_setaffinity"):
        assert sorted(notes[0]["cores"] + notes[1]["cores"]) == before
    assert processes.cores() == before
    assert "made " in (tmp_path / "processes/2.log").read_text()


@pytest.mark.usefixtures("two_cores")
def test_a_run_that_fails_ends_all_of_them(tmp_path):
    runs = [Meeting(tmp_path / "runs" / name, code=3) for name in ("first", "second")]
    with pytest.raises(SystemExit, match="3"):
        processes.finish_side_by_side(runs, tmp_path, 2)
    assert not multiprocessing.active_children()
