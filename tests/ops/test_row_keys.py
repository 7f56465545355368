import jax
import jax.numpy as jnp
import numpy as np

from ovis_jax.ops.row_keys import RowKeys

KEY = jax.random.key(7)


def data(keys):
    return np.asarray(jax.random.key_data(keys))


def test_a_row_has_the_same_key_in_any_part_of_the_batch():
    whole = RowKeys.of(KEY, 6)
    part = RowKeys(KEY, jnp.array([4, 1]))
    np.testing.assert_array_equal(data(part.each), data(whole.each)[[4, 1]])
    for purpose in range(3):
        want = data(whole.split(3)[purpose].each)[[4, 1]]
        np.testing.assert_array_equal(data(part.split(3)[purpose].each), want)


def test_no_two_rows_and_no_two_purposes_share_a_key():
    keys = RowKeys.of(KEY, 5)
    every = np.concatenate([data(own.each) for own in (keys, *keys.split(2))])
    assert len(np.unique(every, axis=0)) == 15


def test_keys_are_those_that_the_key_of_the_batch_splits_into():
    np.testing.assert_array_equal(data(RowKeys.of(KEY, 6).each), data(jax.random.split(KEY, 6)))
