"""Our messages beside TensorFlow's."""

import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from ovis_jax.data.videos.example_messages import parse_features

LISTS = {
    "bytes_list": (tf.train.BytesList, st.binary()),
    "float_list": (tf.train.FloatList, st.floats(width=32, allow_nan=False)),
    "int64_list": (tf.train.Int64List, st.integers(-(2**63), 2**63 - 1)),
}
features = st.dictionaries(
    st.text(),
    st.one_of(*(st.tuples(st.just(kind), st.lists(values)) for kind, (_, values) in LISTS.items())),
)


@settings(max_examples=40)
@given(features)
def test_what_tensorflow_writes_is_read(values):
    written = {
        name: tf.train.Feature(**{kind: LISTS[kind][0](value=content)})
        for name, (kind, content) in values.items()
    }
    example = tf.train.Example(features=tf.train.Features(feature=written))
    found = parse_features(example.SerializeToString())
    assert set(found) == set(values)
    for name, (kind, content) in values.items():
        assert found[name].WhichOneof("kind") == kind
        assert list(getattr(found[name], kind).value) == content


@pytest.mark.parametrize("content", [b"\x0a\x05abc", b"\xff", b"no message"])
def test_what_is_no_example_is_an_error(content):
    with pytest.raises(ValueError):
        parse_features(content)
