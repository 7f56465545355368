"""Prints where the time of the tests goes: the 20 slowest tests and the 20 slowest files.

    python tests/slowest.py [arguments of pytest]

Without arguments all tests run in two workers, as the README runs them. Set-up and tear-down of
fixtures count for the test that they happened in.
"""

import collections
import re
import subprocess
import sys

SHOWN = 20
_ROW = re.compile(r"^\s*([0-9.]+)s (?:call|setup|teardown)\s+(\S+?)::(.*)$")


def main() -> int:
    """Runs the tests; their exit code."""
    command = [sys.executable, "-m", "pytest", "--durations=0", "--durations-min=0.05", "-vv"]
    run = subprocess.run([*command, *(sys.argv[1:] or ["-n", "2"])], capture_output=True, text=True)
    tests, files = collections.Counter(), collections.Counter()
    for line in run.stdout.splitlines():
        if row := _ROW.match(line):
            seconds, file, test = float(row[1]), row[2], row[3]
            tests[f"{file}::{test}"] += seconds
            files[file] += seconds
    for title, times in (("tests", tests), ("files", files)):
        print(f"slowest {title}, of {sum(times.values()):.0f} s in all workers:")
        for name, seconds in times.most_common(SHOWN):
            print(f"{seconds:8.1f} s  {name}")
    print(run.stdout.splitlines()[-1] if run.stdout else run.stderr)
    return run.returncode


if __name__ == "__main__":
    sys.exit(main())
