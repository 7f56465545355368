"""Every system has all of its files; a test that fails says which one to add.

docs/architecture.md, "Where things go", describes them.
"""

import importlib
import pathlib

import pytest
from ml_collections import ConfigDict
from models.tiny_systems import SYSTEMS

from ovis_jax.models.build import BUILDERS
from ovis_jax.weights.name_maps import NAME_MAPS

ROOT = pathlib.Path(__file__).parents[1]
every_system = pytest.mark.parametrize("system", BUILDERS)
# Systems without what others have, and the reason.
WITHOUT_GOLDEN_TESTS = {"feelvos": "no code of it for instances of videos was published"}
WITHOUT_NAME_MAP: dict[str, str] = {}


def system_of(config: str) -> str:
    return importlib.import_module(f"configs.{config}").get_config().model.system


def configurations() -> dict[str, str]:
    """The system of every configuration."""
    files = sorted((ROOT / "configs").glob("*.py"))
    return {f.stem: system_of(f.stem) for f in files if "get_config" in f.read_text()}


def whole_models() -> dict[str, str]:
    """The published models that a system has of its own, by the system of their configuration."""
    return {name: system_of(NAME_MAPS[name].CONFIG) for name in NAME_MAPS}


@every_system
def test_it_has_a_file_of_its_own_and_a_builder_of_the_same_name(system):
    for room in ("systems", "builders"):
        path = f"ovis_jax/models/{room}/{system}.py"
        assert (ROOT / path).is_file(), f"add {path}"


@pytest.mark.parametrize("room", ["systems", "builders"])
def test_every_builder_stands_in_the_table(room):
    shared = {"__init__", "online", "parts", "two_stage"}
    for path in (ROOT / "ovis_jax/models" / room).glob("*.py"):
        assert path.stem in BUILDERS or path.stem in shared, (
            f"add {path.stem} to BUILDERS in ovis_jax/models/build.py"
        )


@every_system
def test_it_has_a_tiny_one_that_is_trained(system):
    own = [tiny for tiny in SYSTEMS.values() if tiny.config().model.system == system]
    assert any(tiny.losses for tiny in own), (
        f"add {system}, with its losses and parts, to SYSTEMS in tests/models/tiny_systems.py"
    )


@every_system
def test_it_has_a_configuration_and_a_part_of_one(system):
    assert system in configurations().values(), f"add configs/{system}_r50_ovis.py"
    path = f"configs/parts/{system}.py"
    assert (ROOT / path).is_file(), f"add {path}"


@every_system
def test_its_published_weights_can_be_imported_or_there_is_a_reason(system):
    assert system in whole_models().values() or WITHOUT_NAME_MAP.get(system), (
        f"add a file to ovis_jax/weights/maps with a configuration of {system} as CONFIG and a line"
        " to NAME_MAPS in ovis_jax/weights/name_maps.py, or a reason to WITHOUT_NAME_MAP here"
    )


@every_system
def test_it_is_compared_with_recorded_numbers_or_there_is_a_reason(system):
    own = {name for name, other in whole_models().items() if other == system} | {system}
    tested = any(list((ROOT / "tests/golden" / name).glob("test_*.py")) for name in own)
    assert tested or WITHOUT_GOLDEN_TESTS.get(system), (
        f"add tests/golden/{system}/test_*.py, or a reason to WITHOUT_GOLDEN_TESTS here"
    )


def test_a_system_is_found_by_its_line_in_the_table(monkeypatch):
    from toy_system import ToySystem

    from ovis_jax.models.build import build_system

    def build(config: ConfigDict) -> ToySystem:
        return ToySystem(detections=config.capacity.detections)

    monkeypatch.setitem(BUILDERS, "throw_away", build)
    config = ConfigDict(dict(model=dict(system="throw_away"), capacity=dict(detections=2)))
    assert build_system(config).detections == 2
    tables = (
        test_it_has_a_file_of_its_own_and_a_builder_of_the_same_name,
        test_it_has_a_tiny_one_that_is_trained,
        test_it_has_a_configuration_and_a_part_of_one,
        test_its_published_weights_can_be_imported_or_there_is_a_reason,
        test_it_is_compared_with_recorded_numbers_or_there_is_a_reason,
    )
    for test in tables:  # what is forgotten is said
        with pytest.raises(AssertionError, match="add .*throw_away"):
            test("throw_away")
