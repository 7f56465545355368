import jax
import pytest

from ovis_jax.formats.errors import InputError
from ovis_jax.program import start as module
from ovis_jax.program.start import start


@pytest.fixture
def kept(monkeypatch):
    """What was kept, by name."""
    names = []
    monkeypatch.setattr(module, "keep_compiled_programs", lambda: names.append("programs"))
    monkeypatch.setattr(module, "keep_freed_memory", lambda: names.append("memory"))
    monkeypatch.setattr(jax.config, "update", lambda *field: names.append(field))
    return names


def test_a_program_keeps_what_it_compiles_and_frees_and_sets_its_precision(kept):
    start("high")
    assert set(kept) == {"programs", "memory", ("jax_default_matmul_precision", "high")}


@pytest.mark.usefixtures("kept")
def test_a_precision_that_is_none_is_named():
    with pytest.raises(InputError, match="matmul_precision.*'exact'"):
        start("exact")
