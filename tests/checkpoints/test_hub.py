"""Checkpoints of a hub, without a network: a stand-in for `huggingface_hub` hands out files."""

import hashlib
import sys
import types

import pytest

from ovis_jax.checkpoints.hub import HubFile, local_checkpoint, parsed
from ovis_jax.formats.errors import InputError

DIGEST = hashlib.sha256(b"weights").hexdigest()


@pytest.fixture
def hub(tmp_path, monkeypatch):
    """What was asked for; every file holds "weights"."""
    asked = []

    def hf_hub_download(**wanted):
        asked.append(wanted)
        if wanted["filename"] == "missing.npz":
            raise OSError("404: no such file\nand more")
        (tmp_path / "model.npz").write_bytes(b"weights")
        return str(tmp_path / "model.npz")

    stand_in = types.SimpleNamespace(hf_hub_download=hf_hub_download)
    monkeypatch.setitem(sys.modules, "huggingface_hub", stand_in)
    return asked


def test_a_path_is_left_alone_and_asks_nobody(hub, tmp_path):
    for path in (tmp_path, "runs/quickstart", "model.npz"):
        assert local_checkpoint(path) == path
    assert hub == []


def test_a_name_is_fetched_and_its_content_compared(hub, tmp_path):
    name = f"hf://someone/models/deep/model.npz@v1#sha256={DIGEST.upper()}"
    assert local_checkpoint(name) == tmp_path / "model.npz"
    assert hub == [dict(repo_id="someone/models", filename="deep/model.npz", revision="v1")]
    assert local_checkpoint("hf://someone/models/model.npz") == tmp_path / "model.npz"
    assert hub[1]["revision"] is None
    with pytest.raises(InputError, match=f"the content has the SHA-256 {DIGEST}"):
        local_checkpoint(f"hf://someone/models/model.npz#sha256={'0' * 64}")


def test_names_have_one_form():
    assert parsed("hf://a/b/c.npz") == HubFile("a/b", "c.npz")
    for name in ("hf://a/b", "hf://a", "hf://a/b/c.npz#md5=0", "hf://a/b/c.npz#sha256=12"):
        with pytest.raises(InputError, match="expected hf://OWNER/REPO/PATH"):
            parsed(name)


def test_what_cannot_be_fetched_is_one_line(hub, monkeypatch):
    with pytest.raises(InputError) as raised:
        local_checkpoint("hf://someone/models/missing.npz")
    assert "cannot be fetched (404: no such file)" in str(raised.value)
    monkeypatch.setitem(sys.modules, "huggingface_hub", None)
    with pytest.raises(InputError, match=r"pip install 'ovis-jax\[hub\]'"):
        local_checkpoint("hf://someone/models/model.npz")
