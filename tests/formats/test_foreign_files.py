import bz2
import io
import json
import lzma
import pickle
import tarfile

import numpy as np
import pytest

from ovis_jax.formats.annotations import load_annotations
from ovis_jax.formats.errors import InputError


class Marked:
    """Leaves a mark if it is ever unpickled."""

    def __reduce__(self):
        return pytest.fail, ("unpickled",)


def tar_file() -> bytes:
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode="w") as archive:
        archive.addfile(tarfile.TarInfo("gt.json"))
    return content.getvalue()


def numpy_file() -> bytes:
    content = io.BytesIO()
    np.save(content, np.arange(3))
    return content.getvalue()


@pytest.mark.parametrize("protocol", range(6))
@pytest.mark.parametrize("value", [[{"a": 1}], {"a": [Marked()]}, [np.arange(3)], []])
def test_a_pickle_is_named_and_not_loaded(tmp_path, protocol, value):
    if value == [] and protocol < 2:
        pytest.skip("a few bytes of text")
    path = tmp_path / "results.pkl"
    path.write_bytes(pickle.dumps(value, protocol))
    with pytest.raises(InputError, match="pickle.*--format-only") as error:
        load_annotations(path)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "an empty file; expected a JSON file"),
        (b" \n\n", "an empty file"),
        (b"\xef\xbb\xbf", "an empty file"),
        (b"\n<!DOCTYPE html>\n<html>", "an HTML page"),
        (b"<?xml version='1.0'?>", "an XML file"),
        (b"video_id,score,category_id\n1,0.5,2\n", "a table .*first line 'video_id,score"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:0", "a pointer of Git LFS"),
        (b"videos:\n- id: 1\n", "a text, its first line 'videos:'"),
        (numpy_file(), "a numpy file"),
        (tar_file(), "a tar archive"),
        (bz2.compress(b"{}"), "a bzip2 archive"),
        (lzma.compress(b"{}"), "an xz archive"),
    ],
)
def test_other_files_are_named_in_one_line(tmp_path, content, message):
    path = tmp_path / "gt.json"
    path.write_bytes(content)
    with pytest.raises(InputError, match=f"gt.json: {message}") as error:
        load_annotations(path)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-16-be"])
def test_text_with_a_byte_order_mark_is_read(contents, tmp_path, encoding):
    contents["categories"][0]["name"] = "Hündchen"
    mark = "\ufeff" if encoding == "utf-16-be" else ""
    path = tmp_path / "gt.json"
    path.write_bytes((mark + json.dumps(contents, ensure_ascii=False)).encode(encoding))
    assert "Hündchen" in [c.name for c in load_annotations(path).categories]
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(InputError, match="gt.json: malformed JSON"):
        load_annotations(path)
