"""The environments of compilers: what they hold, and when they are made."""

import re

import pytest

from benchmarks.devices import environment

PACKAGE = """
[options]
install_requires =
    first
[options.extras_require]
models =
    {}
"""


@pytest.mark.parametrize("platform, compiler", [("tpu", "jax[tpu]"), ("cuda", "jax[cuda12]")])
def test_it_has_the_compiler_and_all_that_the_package_asks_for(platform, compiler):
    wanted = environment.requirements(platform)
    assert compiler in wanted
    names = {re.split(r"[<>=]", line)[0].strip() for line in wanted.splitlines()}
    assert {"numpy", "pycocotools", "pillow", "array_record", "flax", "tensorboardX"} <= names


def test_it_is_made_once_and_again_when_its_requirements_change(tmp_path, monkeypatch):
    made, installed = [], []
    monkeypatch.setattr(environment, "ROOT", tmp_path)

    def require(package, constraint):
        (tmp_path / "setup.cfg").write_text(PACKAGE.format(package))
        (tmp_path / "constraints.txt").write_text(constraint)

    def create(folder, clear, with_pip):
        made.append(folder.name)
        folder.mkdir(exist_ok=True)

    monkeypatch.setattr(environment.venv, "create", create)
    monkeypatch.setattr(
        environment.subprocess, "run", lambda command, check: installed.append(command)
    )
    require("second", "jax==1")
    for _ in range(2):
        python = environment.compiler_python("tpu")
    assert made == [".venv-tpu"] and len(installed) == 1
    assert python == tmp_path / ".venv-tpu" / "bin" / "python"
    assert any("requirements-tpu.txt" in x for x in installed[0])
    assert installed[0][-2:] == ["-e", f"{tmp_path}[models]"]
    require("second", "jax==2")
    environment.compiler_python("tpu")
    require("third", "jax==2")
    environment.compiler_python("tpu")
    assert made == 3 * [".venv-tpu"]
