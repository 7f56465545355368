import os
import signal
import subprocess
import sys
import time

import pytest

from experiments.harness import programs

# Saves when it is told to end, which takes it longer than `subprocess.run` would wait after Ctrl-C.
SAVING = """
import pathlib, signal, sys, time
folder = pathlib.Path(sys.argv[1])
def save(number, frame):
    time.sleep(1)
    (folder / "saved").write_text(str(number))
    sys.exit(0)
for number in (signal.SIGTERM, signal.SIGINT):
    signal.signal(number, save)
(folder / "ready").touch()
time.sleep(60)
"""
CALLING = """
import signal, sys
from experiments.harness import programs
signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background has it ignored
programs.call([sys.executable, "-c", sys.argv[1], sys.argv[2]])
"""


@pytest.mark.parametrize("code", [0, 3])
def test_the_exit_code_is_the_programs(code):
    assert programs.call([sys.executable, "-c", f"raise SystemExit({code})"]) == code


@pytest.mark.parametrize("number, tell", [(signal.SIGTERM, os.kill), (signal.SIGINT, os.killpg)])
def test_a_program_saves_before_both_end(tmp_path, number, tell):
    command = [sys.executable, "-c", CALLING, SAVING, str(tmp_path)]
    with subprocess.Popen(command, start_new_session=True, stderr=subprocess.PIPE) as caller:
        deadline = time.monotonic() + 60
        while not (tmp_path / "ready").exists() and time.monotonic() < deadline:
            time.sleep(0.02)
        tell(caller.pid, number)  # a terminal sends Ctrl-C to the whole group
        caller.communicate()
    assert (tmp_path / "saved").read_text() == str(int(number))
    assert caller.returncode == (128 + number if number == signal.SIGTERM else -number)


def test_signals_are_handled_afterwards_as_they_were_before():
    before = [signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)]
    programs.call([sys.executable, "-c", ""])
    assert [signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)] == before


def test_sigterm_ends_a_block_as_an_error_would():
    closed = []
    with pytest.raises(SystemExit, match=str(128 + signal.SIGTERM)), programs.ended_by_sigterm():
        try:
            os.kill(os.getpid(), signal.SIGTERM)
            time.sleep(60)
        finally:
            closed.append(True)
    assert closed
