import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ovis_jax.checkpoints.fingerprints import fingerprints


@given(st.integers(0, 59), st.integers(0, 31), st.integers(0, 2**32 - 1))
def test_any_flipped_bit_changes_the_number(element, bit, seed):
    words = np.random.default_rng(seed).integers(0, 2**32, 60, np.uint32)
    before = fingerprints({"x": words})
    words[element] ^= np.uint32(1) << np.uint32(bit)
    assert fingerprints({"x": words}) != before


def test_exchanged_elements_change_the_number():
    assert fingerprints(jnp.array([1.0, 2.0])) != fingerprints(jnp.array([2.0, 1.0]))


@pytest.mark.parametrize("dtype", [jnp.float32, jnp.bfloat16, jnp.int32, jnp.uint8, bool])
def test_every_dtype_of_a_state_has_a_number_wherever_it_lies(dtype):
    x = jnp.arange(6).reshape(2, 3).astype(dtype)
    assert fingerprints(x) == fingerprints(np.asarray(x)) != fingerprints(x[::-1])


def test_keys_and_empty_arrays_have_numbers():
    assert fingerprints(jax.random.key(0)) != fingerprints(jax.random.key(1))
    assert fingerprints({"a": jnp.zeros(0), "b": jnp.zeros(())}) == [0, 0]
