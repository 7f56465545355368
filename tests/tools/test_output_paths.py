"""Outputs that cannot be written are said before any work."""

import pytest

from ovis_jax.formats.errors import InputError
from ovis_jax.tools.output_paths import check_output, check_output_file


def test_an_output_that_cannot_be_a_folder(tmp_path):
    (tmp_path / "file").write_text("mine")
    for output in (tmp_path / "file", tmp_path / "file" / "below"):
        with pytest.raises(InputError, match="file is a file, expected a folder"):
            check_output(output)
    check_output(tmp_path / "new" / "folder")
    assert (tmp_path / "file").read_text() == "mine" and not (tmp_path / "new").exists()


def test_an_output_that_cannot_be_a_file(tmp_path):
    (tmp_path / "file").write_text("mine")
    with pytest.raises(InputError, match="file is a file, expected a folder"):
        check_output_file(tmp_path / "file" / "below")
    with pytest.raises(InputError, match="a folder, expected the name of a file"):
        check_output_file(tmp_path)
    check_output_file(tmp_path / "file")
    check_output_file(tmp_path / "new" / "file")
    assert (tmp_path / "file").read_text() == "mine" and not (tmp_path / "new").exists()
