"""The examples of docs/ops.md run as they stand."""

import pathlib
import re

import pytest

PAGE = (pathlib.Path(__file__).parents[2] / "docs" / "ops.md").read_text()
EXAMPLES = dict(re.findall(r"^## (.*?)\n+```python\n(.*?)```", PAGE, re.DOTALL | re.MULTILINE))


def test_every_section_has_an_example():
    assert set(EXAMPLES) == set(re.findall(r"^## (.*)$", PAGE, re.MULTILINE))


@pytest.mark.parametrize("title", EXAMPLES)
def test_the_example_runs_and_what_it_states_holds(title):
    assert "\nassert " in EXAMPLES[title]
    exec(compile(EXAMPLES[title], f"docs/ops.md, {title}", "exec"), {})
