"""The command `ovis-jax`: its table, its help, and what it says when something is missing."""

import json
import pathlib
import re
import subprocess
import sys

import pytest

import ovis_jax
from ovis_jax import commands

ROOT = pathlib.Path(__file__).parents[1]
HEAVY = ("jax", "flax", "ml_collections", "tensorflow", "tensorflow_datasets", "matplotlib")
HELP = """
import contextlib, io, json, sys
from ovis_jax import commands
said = {}
for name in commands.COMMANDS:
    with contextlib.redirect_stdout(io.StringIO()) as text:
        try:
            code = commands.main([*name.split(), "--help"])
        except SystemExit as end:
            code = end.code
    said[name] = code, text.getvalue(), [each for each in sys.argv[1:] if each in sys.modules]
print(json.dumps(said))
"""
WITHOUT = """
import sys
sys.modules.update(dict.fromkeys(sys.argv[1].split()))  # as if they were not installed
from ovis_jax.commands import main
sys.exit(main(sys.argv[2:]))
"""


def python(program, *arguments):
    command = [sys.executable, "-c", program, *arguments]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True)


@pytest.fixture(scope="module")
def helps():
    """Exit code, text, and heavy modules that were imported by then, of each `--help`."""
    done = python(HELP, *HEAVY)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.mark.parametrize("name", commands.COMMANDS)
def test_help_is_about_the_command_and_imports_nothing_heavy(name, helps):
    code, text, heavy = helps[name]
    assert (code, heavy) == (0, [])
    assert text.startswith(f"usage: ovis-jax {name} [-h]")


@pytest.mark.parametrize("name", commands.COMMANDS)
def test_options_are_shown_with_hyphens(name, helps):
    options = re.findall(r"--[\w-]+", helps[name][1])
    assert len(options) > 2 and not [option for option in options if "_" in option]


@pytest.mark.parametrize("name", commands.COMMANDS)
def test_a_command_is_also_a_module_to_run(name):
    path = ROOT / f"{commands.COMMANDS[name].module.replace('.', '/')}.py"
    text = path.read_text()
    assert "def main(arguments: " in text and "sys.exit(main())" in text


def test_every_tool_is_a_command():
    modules = {command.module for command in commands.COMMANDS.values()}
    for path in (ROOT / "ovis_jax/tools").glob("*.py"):
        if "__main__" in path.read_text():
            assert f"ovis_jax.tools.{path.stem}" in modules, f"add {path.stem} to COMMANDS"


def test_the_overview_has_every_command_and_that_of_a_group_its_own(capsys):
    for words in ([], ["--help"], ["-h"]):
        assert commands.main(words) == 0
        text = capsys.readouterr().out
        assert all(f"\n  {name} " in text for name in commands.COMMANDS)
    for words in (["generate"], ["generate", "--help"]):
        assert commands.main(words) == 0
        text = capsys.readouterr().out
        assert "generate shapes" in text and "evaluate" not in text


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("trian --config x", "trian: no such command; did you mean train?"),
        ("generate shape --output x", "generate shape: no such command; did you mean gen"),
        ("xyz", "xyz: no such command; expected demo, train, predict, evaluate, "),
        ("--output x", "--output: no such command"),
    ],
)
def test_an_unknown_command_is_one_line_with_those_that_there_are(words, said, capsys):
    assert commands.main(words.split()) == 2
    line = capsys.readouterr().err
    assert line.startswith(f"ovis-jax: {said}") and line.count("\n") == 1


def test_the_version_is_that_of_the_package_and_importing_it_imports_nothing(capsys):
    assert commands.main(["--version"]) == 0
    assert capsys.readouterr().out == f"ovis-jax {ovis_jax.__version__}\n"
    assert re.match(r"\d+\.\d+|0\+unknown", ovis_jax.__version__)
    done = python("import sys; old = {*sys.modules}; import ovis_jax; print({*sys.modules} - old)")
    assert done.stdout == "{'ovis_jax'}\n"


@pytest.mark.parametrize(
    ("name", "missing"),
    [("train", "jax"), ("predict", "cv2"), ("demo", "jax")],
)
def test_a_package_that_is_missing_is_one_line_that_says_what_to_install(name, missing):
    done = python(WITHOUT, missing, *name.split(), "--config=quickstart", "--workdir=none")
    want = f"ovis-jax {name}: {missing} is not installed; pip install 'ovis-jax[train]'\n"
    assert (done.returncode, done.stderr) == (2, want)


@pytest.mark.parametrize("name", ["evaluate", "statistics", "split"])
def test_the_base_install_does_what_needs_no_model(name):
    heavy = "jax flax absl ml_collections tensorflow cv2 av matplotlib scipy"
    done = python(WITHOUT, heavy, name, "--annotations=/none.json", "--results=x", "--output=/no")
    assert done.returncode == 2 and "is not installed" not in done.stderr, done.stderr


def test_ctrl_c_is_one_line(monkeypatch, capsys):
    def interrupted(name):
        raise KeyboardInterrupt

    monkeypatch.setattr(commands.importlib, "import_module", interrupted)
    assert commands.main(["demo"]) == 130
    assert capsys.readouterr().err == "interrupted\n"
