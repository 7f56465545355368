"""Gathers what experiments left into one page: question, table, figure, what came out.

    python -m experiments.report --workdir DIR

DIR gets `report.html`, one page that needs nothing beside it, the same as `report.md`, numbers as
`report.json`, and every table and figure as a file.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import pathlib
import re
import sys
from collections.abc import Sequence

from experiments.harness.files import SECTION
from experiments.harness.saved import from_json
from ovis_jax.analysis.analyze import SystemReport
from ovis_jax.analysis.report.files import write_report
from ovis_jax.analysis.sections import Section
from ovis_jax.formats.errors import InputError
from ovis_jax.tools.tool import ToolParser, run_tool

TITLE = "Experiments"


def main(arguments: list[str] | None = None) -> int:
    """Writes the page, returns the exit code."""
    parser = ToolParser(prog="experiments.report", description="One page of all experiments.")
    parser.add_argument(
        "--workdir", type=pathlib.Path, required=True, metavar="DIR", help="of the experiments"
    )
    return run_tool(parser, run, arguments)


def run(options: argparse.Namespace) -> None:
    """Does what the options say.

    Raises:
      InputError: there is no experiment in the folder, or what one left cannot be read.
    """
    found = read_sections(options.workdir)
    intro = common_lines([lines for lines, _ in found])
    reports = [
        SystemReport(section.name, [with_intro(section, lines, intro)]) for lines, section in found
    ]
    print(f"wrote {write_report(options.workdir, TITLE, intro, reports)[0]}")


def read_sections(workdir: pathlib.Path) -> list[tuple[list[str], Section]]:
    """Intro lines and section of every experiment: tables first, then figures, by number.

    Raises:
      InputError: see `run`.
    """
    found = []
    for path in workdir.glob(f"*/{SECTION}"):
        try:
            contents = json.loads(path.read_text())
            section = from_json(contents["section"])
            if not isinstance(section, Section):
                raise ValueError("expected a section")
            found.append((contents["intro"], section))
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise InputError(f"{path}: cannot be read: {error}") from error
    if not found:
        raise InputError(f"{workdir}: no experiment has left a */{SECTION} there")
    return sorted(found, key=lambda own: place(own[1].title))


def place(title: str) -> tuple[int, int, str]:
    """Where a title stands on the page: numbered tables, numbered figures, all others."""
    numbered = re.match(r"(Table|Figure)\D*(\d+)", title)
    if numbered is None:
        return 2, 0, title
    return int(numbered[1] == "Figure"), int(numbered[2]), title


def common_lines(intros: Sequence[Sequence[str]]) -> list[str]:
    """The lines that all experiments have."""
    return [line for line in intros[0] if all(line in own for own in intros)]


def with_intro(section: Section, lines: Sequence[str], common: Sequence[str]) -> Section:
    """A section whose text ends with what it was measured with."""
    own = [line for line in lines if line not in common]
    return dataclasses.replace(section, text="\n\n".join([section.text, *own]))


if __name__ == "__main__":
    sys.exit(main())
