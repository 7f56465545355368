import json
import os
import subprocess
import sys
import time

import pytest

from experiments.harness.claims import Claims


class Clock:
    """Seconds that pass when they are told to."""

    now = 0.0

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def hosts(tmp_path, clock):
    """Two processes that see the same folder."""
    return [Claims(tmp_path / "claims", patience=60, clock=clock) for _ in range(2)]


def of_another_host(claims_folder, name, beat=0):
    text = json.dumps({"host": "elsewhere", "process": 1, "beat": beat})
    (claims_folder / name).write_text(text)


def test_a_run_is_claimed_by_one_process_at_a_time(hosts, tmp_path):
    first, second = hosts
    with first.taken("run") as mine, second.taken("run") as other, second.taken("next") as free:
        assert (mine, other, free) == (True, False, True)
        assert first.held() == 2
    assert not list((tmp_path / "claims").iterdir())
    with second.taken("run") as mine:
        assert mine


def test_a_claim_ends_with_an_error(hosts):
    first, second = hosts
    with pytest.raises(ValueError), first.taken("run"):
        raise ValueError
    with second.taken("run") as mine:
        assert mine


def test_a_claim_that_does_not_change_is_abandoned_after_a_while(hosts, tmp_path, clock):
    of_another_host(tmp_path / "claims", "run.1")
    for seconds, abandoned in ((0, False), (59, False), (61, True)):
        clock.now = seconds
        with hosts[0].taken("run") as mine:
            assert mine == abandoned
        assert hosts[0].held() == (not abandoned)


def test_a_claim_that_changes_is_alive(hosts, tmp_path, clock):
    for beat in range(4):
        of_another_host(tmp_path / "claims", "run.1", beat)
        clock.now = 59 * beat
        with hosts[0].taken("run") as mine:
            assert not mine


def test_one_of_two_processes_takes_what_is_abandoned(hosts, tmp_path, clock):
    first, second = hosts
    of_another_host(tmp_path / "claims", "run.1")
    for claims in hosts:
        with claims.taken("run"):
            pass  # both have seen it
    clock.now = 61
    with first.taken("run") as mine, second.taken("run") as other:
        assert mine and not other


def test_a_process_that_was_taken_for_dead_leaves_the_claim_of_its_successor(hosts, tmp_path):
    folder = tmp_path / "claims"
    with hosts[0].taken("run"):
        of_another_host(folder, "run.2")
    assert [path.name for path in folder.iterdir()] == ["run.2"]


def test_a_claim_of_a_process_of_this_host_that_has_ended_is_abandoned_at_once(hosts, tmp_path):
    with hosts[0].taken("run"):
        (path,) = (tmp_path / "claims").iterdir()
        claim = json.loads(path.read_text())
    assert claim["process"] == os.getpid()
    ended = subprocess.run([sys.executable, "-c", "import os; print(os.getpid())"], stdout=-1)
    path.write_text(json.dumps(claim | {"process": int(ended.stdout)}))
    with hosts[1].taken("run") as mine:
        assert mine


def test_a_process_says_that_it_is_alive(tmp_path):
    claims = Claims(tmp_path / "claims", patience=0.1)
    with claims.taken("run"):
        (path,) = (tmp_path / "claims").iterdir()
        before = path.read_text()
        deadline = time.monotonic() + 30
        while path.read_text() == before and time.monotonic() < deadline:
            time.sleep(0.01)
        assert path.read_text() != before
