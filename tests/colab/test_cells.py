"""What can be said of the notebooks without running them."""

import ast
import contextlib
import importlib
import importlib.metadata
import importlib.util
import io
import re
import subprocess

import pytest
from colab.notebook_cells import FOLDER, NAMES, cells, commands, read

from ovis_jax import commands as command_table
from ovis_jax.program.configurations import configuration_names, read_configuration

ADDRESS = re.search(r"^    (https://\S+)$", (FOLDER / "README.md").read_text(), re.MULTILINE)[1]
JAX = r"^(?:import jax|from (?:jax|flax|ovis_jax\.(?:models|checkpoints|program\.start)))\b"
every_notebook = pytest.mark.parametrize("name", NAMES)


@pytest.fixture(scope="module")
def options():
    """Command → the options that its help names."""
    found = {}
    for name in command_table.COMMANDS:
        with contextlib.redirect_stdout(io.StringIO()) as text, contextlib.suppress(SystemExit):
            command_table.main([*name.split(), "--help"])
        found[name] = set(re.findall(r"--[a-z][\w-]*", text.getvalue()))
    return found


def named(command):
    """The entry of the table that a command line begins with, or None."""
    words = command.removeprefix("ovis-jax").split()
    names = (" ".join(words[:count]) for count in (2, 1))
    return next((name for name in names if name in command_table.COMMANDS), None)


def test_there_are_four():
    assert NAMES == [
        "how_tfc_works",
        "quickstart",
        "score_my_results",
        "train_on_your_videos",
    ]


@every_notebook
def test_what_a_notebook_imports_of_the_package_exists(name):
    code = [ast.parse(cell.python()) for cell in cells(name) if cell.kind == "code"]
    statements = [own for tree in code for own in ast.walk(tree) if isinstance(own, ast.ImportFrom)]
    for own in statements:
        if own.module.partition(".")[0] == "ovis_jax":
            module = importlib.import_module(own.module)
            assert {each.name for each in own.names} <= set(dir(module)), own.module


@every_notebook
def test_a_notebook_has_the_format_and_neither_outputs_nor_counts(name):
    notebook = read(name)
    assert (notebook["nbformat"], notebook["nbformat_minor"]) == (4, 5)
    ids = [cell["id"] for cell in notebook["cells"]]
    assert len(set(ids)) == len(ids) and all(re.fullmatch(r"[\w-]{1,64}", each) for each in ids)
    for cell in notebook["cells"]:
        assert cell["cell_type"] in ("code", "markdown")
        if cell["cell_type"] == "code":
            assert cell["outputs"] == [] and cell["execution_count"] is None


@every_notebook
def test_code_cells_parse(name):
    code = [cell for cell in cells(name) if cell.kind == "code"]
    assert len(code) > 5
    for cell in code:
        ast.parse(cell.python())


@every_notebook
def test_it_begins_with_the_badge_of_the_readme_and_its_run_time(name):
    first = cells(name)[0].text
    link = ADDRESS if "/blob/" not in ADDRESS else f"{ADDRESS.rstrip('/')}/colab/{name}.ipynb"
    assert f"colab-badge.svg)]({link})" in first
    assert "**Run time:** " in first


@every_notebook
def test_no_cell_knows_a_machine_or_the_constraints(name):
    text = "\n".join(cell.text for cell in cells(name))
    assert not re.findall(r"/(?:home|work|tmp|Users|root)/", text)
    assert "constraints" not in text


@every_notebook
def test_parameters_are_numbers_and_texts_of_the_environment_alone(name):
    (cell,) = (cell for cell in cells(name) if "parameters" in cell.tags)
    for statement in ast.parse(cell.text).body:
        if isinstance(statement, ast.Assign):
            (target,) = statement.targets
            assert f'os.environ.get("OVIS_JAX_NOTEBOOK_{target.id}"' in cell.text
    elsewhere = [one.text for one in cells(name) if "parameters" not in one.tags]
    assert not [text for text in elsewhere if "os.environ" in text]


@every_notebook
def test_every_command_and_option_exists(name, options):
    found = [command for command in commands(name) if command.startswith("ovis-jax ")]
    assert len(found) > 2
    for command in found:
        known = named(command)
        assert known, f"{command}: no such command"
        given = {word for word in re.findall(r"--[a-z][\w.-]*", command) if "." not in word}
        assert given <= options[known], command


@every_notebook
def test_every_configuration_and_field_exists(name):
    for command in commands(name):
        for given in re.findall(r"--config (\w+)", command):
            assert given in configuration_names(), command
        for field in re.findall(r"--config\.([\w.]+)", command):
            value = read_configuration("quickstart", [])
            for part in field.split("."):
                assert part in value, command
                value = value[part]


@every_notebook
def test_modules_that_are_run_exist(name):
    for module in re.findall(r"python -m (\S+)", "\n".join(commands(name))):
        if module != "pip":
            assert (FOLDER.parent / f"{module.replace('.', '/')}.py").is_file(), module


@every_notebook
def test_the_kernel_leaves_the_accelerator_to_the_commands(name):
    code = [cell for cell in cells(name) if cell.kind == "code"]
    with_jax, with_command = (
        [place for place, cell in enumerate(code) if re.search(pattern, cell.text, re.MULTILINE)]
        for pattern in (JAX, r"^ *!")
    )
    assert not with_jax or min(with_jax) > max(with_command)


def test_all_install_in_the_same_way():
    installs = {
        re.sub(r"^EXTRA = .*\n", "", cell.text, flags=re.MULTILINE)
        for name in NAMES
        for cell in cells(name)
        if "install" in cell.tags
    }
    assert len(installs) == 1


@every_notebook
def test_the_wheel_beside_the_notebook_is_installed_and_the_runtime_stays_as_it_is(
    name, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    for version in ("0.1.0", "0.2.0"):
        (tmp_path / f"ovis_jax-{version}-py3-none-any.whl").touch()
    kept = {"jax": "0.7.2", "numpy": "2.1.3"}  # and no TensorFlow, as on images for TPUs

    def version(package):
        if package not in kept:
            raise importlib.metadata.PackageNotFoundError(package)
        return kept[package]

    started = []
    monkeypatch.setattr(importlib.util, "find_spec", lambda package: None)
    monkeypatch.setattr(importlib.metadata, "version", version)
    monkeypatch.setattr(subprocess, "run", lambda command, check: started.append(command))
    (cell,) = (cell for cell in cells(name) if "install" in cell.tags)
    exec(cell.text, {})
    ((_, _, pip, install, quiet, package, *pins),) = started
    assert (pip, install, quiet) == ("pip", "install", "-q")
    extra = "" if name == "score_my_results" else "[models]"
    assert package == f"{tmp_path / 'ovis_jax-0.2.0-py3-none-any.whl'}{extra}"
    assert pins == ["jax==0.7.2", "numpy==2.1.3"]
