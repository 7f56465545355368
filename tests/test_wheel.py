"""What is installed works alone: outside a checkout, beside a package `configs` of the user's."""

import importlib.metadata
import os
import pathlib
import shutil
import subprocess
import sys

import pytest

ROOT = pathlib.Path(__file__).parents[1]
BUILD = "import setuptools; setuptools.setup()"
LOAD = """
import importlib, pathlib, pkgutil, sys
import ovis_jax
from ovis_jax.program.configurations import configuration_names, read_configuration
site = pathlib.Path(sys.argv[1])
assert pathlib.Path(ovis_jax.__file__) == site / "ovis_jax/__init__.py", ovis_jax.__file__
for name in configuration_names():
    assert read_configuration(name, ["--config.seed=7"]).seed == 7
for module in pkgutil.walk_packages(ovis_jax.__path__, "ovis_jax."):
    if module.name != "ovis_jax.__main__":  # which runs the command
        try:
            importlib.import_module(module.name)
        except ModuleNotFoundError as error:
            if error.name not in ("tensorflow", "tensorflow_datasets"):  # which are optional
                raise
outside = [m for m in sys.modules if m == "configs" or m.startswith("configs.")]
assert not outside, outside
print(*configuration_names())
"""


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """A folder with what a wheel holds, made from a copy of the checkout."""
    source, site = (tmp_path_factory.mktemp(name) for name in ("source", "site"))
    ignored = shutil.ignore_patterns("__pycache__")
    for room in ("ovis_jax", "configs"):
        shutil.copytree(ROOT / room, source / room, symlinks=True, ignore=ignored)
    for name in ("setup.cfg", "pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, source)
    command = [sys.executable, "-c", BUILD, "-q", "egg_info", "--egg-base", str(site)]
    command += ["build", "--build-base", str(source / "build"), "--build-lib", str(site)]
    done = subprocess.run(command, cwd=source, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return site


def python(site, folder, *arguments):
    """Runs Python where nothing but the built package and what it needs can be imported."""
    environment = os.environ | {"PYTHONPATH": str(site)}
    command = [sys.executable, *arguments]
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_it_holds_every_module_and_every_configuration_and_nothing_else(site):
    rooms = {path.name for path in site.iterdir()} - {"ovis_jax.egg-info"}
    assert rooms == {"ovis_jax"}
    for source, built in (("ovis_jax", "ovis_jax"), ("configs", "ovis_jax/configs")):
        own = {path.relative_to(ROOT / source) for path in (ROOT / source).rglob("*.py")}
        assert own and not [path for path in own if not (site / built / path).is_file()]
    assert (site / "ovis_jax/py.typed").is_file()
    viewer = {path.name for path in (site / "ovis_jax/visualization/viewer").iterdir()}
    assert {"viewer.html", "viewer.css", "viewer.js", "drawing.js", "rle.js"} <= viewer
    assert not (site / "ovis_jax/configs").is_symlink()


def test_it_has_the_command_and_its_version(site):
    (found,) = importlib.metadata.distributions(name="ovis-jax", path=[str(site)])
    (script,) = found.entry_points.select(group="console_scripts")
    assert (script.name, script.value) == ("ovis-jax", "ovis_jax.commands:main")
    said = python(site, site.parent, "-m", "ovis_jax", "--version")
    assert said == f"ovis-jax {found.version}\n"


def test_it_is_imported_and_configured_where_the_user_has_configs_of_their_own(site, tmp_path):
    (tmp_path / "configs/parts").mkdir(parents=True)
    for name in ("__init__.py", "parts/__init__.py"):
        (tmp_path / "configs" / name).write_text("raise RuntimeError('of the user')")
    names = {path.stem for path in (ROOT / "configs").glob("*.py")} - {"__init__"}
    assert set(python(site, tmp_path, "-c", LOAD, str(site)).split()) == names


def test_its_data_are_generated_by_the_command(site, tmp_path):
    small = "--train_videos 1 --valid-videos 1 --frames=2 --width 64 --height 64 --sizes 16 30"
    arguments = ["generate", "shapes", "--output", "data", "--workers", "1", *small.split()]
    assert "data: generated" in python(site, tmp_path, "-m", "ovis_jax", *arguments)
    assert (tmp_path / "data/annotations_valid.json").is_file()
