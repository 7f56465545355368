"""Configurations are found by name from everywhere, and their fields set as on a command line."""

import pathlib
import shutil
import sys

import pytest

from ovis_jax.formats.errors import InputError
from ovis_jax.program.configurations import (
    INSTALLED,
    configuration_names,
    find_configuration,
    read_configuration,
)
from ovis_jax.weights.name_maps import NAME_MAPS

ROOT = pathlib.Path(__file__).parents[2]
OWN = """
from ml_collections import ConfigDict
from {module} import SIZE

def get_config(size=SIZE):
    return ConfigDict(dict(size=int(size), name="a", on=False, pair=(1, 2)))
"""


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    """An empty folder to work in, which is not on the module path."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [path for path in sys.path if path])
    return tmp_path


def write_own(path, module):
    """A configuration with a part in a file beside the working folder's others."""
    path.parent.mkdir(exist_ok=True)
    path.write_text(OWN.format(module=module))
    pathlib.Path(f"{module}.py").write_text("SIZE = 3\n")


@pytest.mark.parametrize("model", NAME_MAPS)
def test_every_published_model_names_a_configuration_that_comes_with_the_package(model):
    name = NAME_MAPS[model].CONFIG
    assert name in configuration_names()
    assert find_configuration(name).samefile(ROOT / "configs" / f"{name}.py")


@pytest.mark.parametrize("name", ["quickstart", "quickstart.py", "configs/quickstart.py"])
def test_what_the_working_folder_holds_comes_before_what_is_installed(name, folder):
    assert find_configuration(name) == INSTALLED / "quickstart.py"
    own = folder / "configs/quickstart.py"
    own.parent.mkdir()
    shutil.copy(INSTALLED / "quickstart.py", own)
    assert find_configuration(name).absolute() == own
    if not name.startswith("configs"):
        (folder / "quickstart.py").write_text("")
        assert find_configuration(name).absolute() == folder / "quickstart.py"


def test_a_path_is_a_file_with_or_without_its_ending_and_no_other(folder):
    write_own(folder / "mine/quickstart.py", "part_of_path")
    assert find_configuration("mine/quickstart").samefile(folder / "mine/quickstart.py")
    assert find_configuration(f"{folder}/mine/quickstart.py").is_file()
    with pytest.raises(InputError, match="other/quickstart: no such file"):
        find_configuration("other/quickstart")


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("sipmask_r50", "did you mean .*sipmask_r50_ovis"),
        ("configs/quickstat.py", "did you mean quickstart or"),
        ("none", "expected ccrossvis_r50_ovis, .*, quickstart, .*, your_videos_small$"),
        ("", "expected .*, quickstart"),
        (".", "expected .*, quickstart"),
    ],
)
def test_a_name_that_is_unknown_is_one_line_with_those_that_there_are(name, said):
    with pytest.raises(InputError, match=said) as error:
        read_configuration(name)
    assert str(error.value).startswith(f"--config: {name}: ") and "\n" not in str(error.value)


def test_a_configuration_imports_its_neighbours_in_the_working_folder(folder):
    write_own(folder / "mine.py", "part_of_mine")
    assert read_configuration("mine").size == 3
    assert read_configuration("mine.py:5").size == 5


@pytest.mark.parametrize(
    "settings",
    [
        ["--config.size=-7", "--config.name=b c", "--config.on", "--config.pair=(3, 4)"],
        ["--config.size", "-7", "--config.name", "b c", "--config.on=true", "--config.pair", "3,4"],
    ],
)
def test_fields_are_set_with_a_sign_of_equality_or_a_space(settings, folder):
    write_own(folder / "mine.py", "part_of_fields")
    assert read_configuration("mine").to_dict()["pair"] == (1, 2)
    want = {"size": -7, "name": "b c", "on": True, "pair": (3, 4)}
    assert read_configuration("mine", settings).to_dict() == want


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("x = 1", "get_config"),
        ("import no_such_module", "no_such_module"),
        ("def get_config(:", "invalid syntax"),
    ],
)
def test_a_file_that_is_no_configuration_is_one_line(text, said, folder):
    (folder / "bad.py").write_text(text)
    with pytest.raises(InputError, match=said) as error:
        read_configuration("bad")
    assert "\n" not in str(error.value)
