"""Configurations of published models are found from everywhere, or one line asks for one."""

import pathlib
import shutil
import subprocess
import sys

import pytest

from ovis_jax.program.configurations import find_configuration
from ovis_jax.weights.name_maps import NAME_MAPS

ROOT = pathlib.Path(__file__).parents[2]
PROGRAM = """
import sys
sys.path.append(sys.argv[1])
from ovis_jax.formats.errors import InputError
from ovis_jax.program.configurations import find_configuration
try:
    path = find_configuration("quickstart")
except InputError as error:
    print(error)
else:
    sys.path.remove(sys.argv[1])
    import configs.quickstart
    print(path, configs.quickstart.get_config().model.num_classes > 0)
"""


@pytest.mark.parametrize("model", NAME_MAPS)
def test_every_published_model_names_a_configuration_that_exists(model):
    name = NAME_MAPS[model].CONFIG
    assert find_configuration(name) == ROOT / "configs" / f"{name}.py"


def found_by_another_process(root, folder):
    command = [sys.executable, "-c", PROGRAM, root]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_a_checkout_is_used_from_any_folder_and_its_configurations_find_their_parts(tmp_path):
    want = f"{ROOT}/configs/quickstart.py True"
    assert found_by_another_process(str(ROOT), tmp_path) == want


def test_without_a_checkout_one_line_says_that_a_configuration_is_needed(tmp_path):
    (tmp_path / "elsewhere").mkdir()
    for room in ("formats", "program"):
        shutil.copytree(ROOT / "ovis_jax" / room, tmp_path / "site/ovis_jax" / room)
    said = found_by_another_process(str(tmp_path / "site"), tmp_path / "elsewhere")
    assert said.startswith("--config: there is no configs/quickstart.py") and "\n" not in said
