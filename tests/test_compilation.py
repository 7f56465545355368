import pathlib

import jax
import pytest

from ovis_jax.compilation import cache_folder, keep_compiled_programs


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
