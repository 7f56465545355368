import io
import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ovis_jax.formats.errors import InputError
from ovis_jax.formats.json_stream import JsonStream

_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=8,
)


def _stream(text, chunk):
    return JsonStream(io.StringIO(text), "file.json", chunk)


@settings(deadline=None)
@given(st.dictionaries(st.text(), _values), st.integers(1, 9), st.sampled_from([None, 1]))
def test_pieces_are_the_same_as_the_whole(contents, chunk, indent):
    stream = _stream(json.dumps(contents, indent=indent) + "\n", chunk)
    assert {key: stream.value() for key in stream.members()} == contents
    stream.end()


@settings(deadline=None)
@given(st.lists(_values), st.integers(1, 9))
def test_elements_are_the_same_as_the_list(contents, chunk):
    stream = _stream(json.dumps(contents), chunk)
    assert list(stream.elements()) == contents
    stream.end()


@pytest.mark.parametrize("chunk", [1, 3, 100])
def test_values_that_are_not_taken_are_skipped(chunk):
    stream = _stream('{"a": [1, {"b": 2}], "c": 12, "d": "x"}', chunk)
    assert [stream.value() for key in stream.members() if key == "c"] == [12]
    stream.end()


@pytest.mark.parametrize("chunk", [1, 100])
@pytest.mark.parametrize(
    ("text", "where"),
    [
        ('{"a": 1\n, "b" 2}', "character 14, line 2"),
        ('{"a": [1, 2', "character"),
        ('{"a": 1,}', "character 8"),
        ('{"a": 1} {', "character 9"),
        ('{"a": tru}', "character 6"),
        ("{'a': 1}", "character 1"),
    ],
)
def test_malformed_text_is_bad_input_with_its_place(text, where, chunk):
    stream = _stream(text, chunk)
    with pytest.raises(InputError, match=f"file.json: malformed JSON at {where}"):
        for _ in stream.members():
            stream.value()
        stream.end()
