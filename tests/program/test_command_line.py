"""How programs end, and what they write to stderr."""

import pathlib
import subprocess
import sys

import pytest

ROOT = pathlib.Path(__file__).parents[2]
PROGRAM = """
import sys
from absl import logging
from ovis_jax.formats.errors import InputError
from ovis_jax.program.command_line import run

def main():
    logging.warning("take care")
    logging.info("of no interest")
    {end}

sys.exit(run(main, expected=(KeyError,)))
"""


@pytest.mark.parametrize(
    ("end", "code", "said"),
    [("pass", 0, []), ("raise InputError('bad')", 2, ["bad"]), ("raise KeyError(7)", 1, ["7"])],
)
def test_the_exit_code_says_how_it_ended_and_stderr_has_warnings_and_problems(end, code, said):
    command = [sys.executable, "-c", PROGRAM.format(end=end)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    warning, *problems = done.stderr.splitlines()
    assert (done.returncode, problems) == (code, said)
    assert warning.startswith("W") and warning.endswith("] take care")
