import pathlib

import jax
import pytest

from ovis_jax.formats.errors import InputError
from ovis_jax.program.compilation import cache_folder, keep_compiled_programs, multiply_with


@pytest.fixture
def no_cache():
    before = jax.config.jax_compilation_cache_dir
    jax.config.update("jax_compilation_cache_dir", None)
    yield
    jax.config.update("jax_compilation_cache_dir", before)


def test_programs_are_kept_in_the_cache_folder_of_the_user(no_cache, monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    keep_compiled_programs()
    assert jax.config.jax_compilation_cache_dir == str(cache_folder())
    assert cache_folder().parent == tmp_path / "ovis_jax"
    monkeypatch.delenv("XDG_CACHE_HOME")
    assert cache_folder().parent == pathlib.Path.home() / ".cache" / "ovis_jax"


def test_a_folder_that_was_chosen_stays(no_cache, tmp_path):
    jax.config.update("jax_compilation_cache_dir", str(tmp_path))
    keep_compiled_programs()
    assert jax.config.jax_compilation_cache_dir == str(tmp_path)


@pytest.fixture
def own_precision():
    before = jax.config.jax_default_matmul_precision
    yield
    jax.config.update("jax_default_matmul_precision", before)


@pytest.mark.parametrize(("precision", "wanted"), [("highest", "HIGHEST"), ("high", "HIGH")])
def test_programs_ask_the_device_for_the_precision(own_precision, precision, wanted):
    multiply_with(precision)
    program = jax.jit(lambda x: x @ x).lower(jax.ShapeDtypeStruct((2, 2), "float32"))
    assert f"precision = [{wanted}, {wanted}]" in program.as_text()


def test_an_unknown_precision_is_bad_input(own_precision):
    with pytest.raises(InputError, match="config.matmul_precision: expected one of .*'exact'"):
        multiply_with("exact")
