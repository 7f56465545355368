"""Checkpoints by name: a file of a model hub, fetched once and kept in the hub's own cache.

    hf://OWNER/REPO/PATH[@REVISION][#sha256=DIGEST]

is a packed model in a repository of Hugging Face. Needs `huggingface_hub`, which honours `HF_HOME`,
`HF_HUB_OFFLINE` and the other variables of its own. Whatever else is named is a path.
"""

from __future__ import annotations

import dataclasses
import hashlib
import pathlib
import re

from ovis_jax.formats.errors import InputError

_SCHEME = "hf://"
_NAME = re.compile(
    r"hf://(?P<repo>[^/@#]+/[^/@#]+)/(?P<file>[^@#]+)"
    r"(?:@(?P<revision>[^@#]+))?(?:#sha256=(?P<digest>[0-9a-fA-F]{64}))?"
)
_BLOCK = 1 << 20  # bytes that are read at once


@dataclasses.dataclass(frozen=True)
class HubFile:
    """A file in a repository.

    Attributes:
      repo: "OWNER/REPO".
      file: path in the repository.
      revision: branch, tag or commit; None: the default branch.
      digest: SHA-256 in hexadecimal digits that the content must have; None: any.
    """

    repo: str
    file: str
    revision: str | None = None
    digest: str | None = None


def local_checkpoint(name: pathlib.Path | str) -> pathlib.Path | str:
    """A path: that of the fetched file of a name on a hub, and any other name as it is.

    Raises:
      InputError: the name is no such name, the file cannot be had, or its content is another.
    """
    if not str(name).startswith(_SCHEME):
        return name
    wanted = parsed(str(name))
    path = _fetched(wanted, str(name))
    if wanted.digest is not None:
        found = sha256_of(path)
        if found != wanted.digest.lower():
            raise InputError(f"{name}: the content has the SHA-256 {found}")
    return path


def parsed(name: str) -> HubFile:
    """What a name says.

    Raises:
      InputError: it has another form.
    """
    match = _NAME.fullmatch(name)
    if match is None:
        raise InputError(f"{name}: expected hf://OWNER/REPO/PATH[@REVISION][#sha256=DIGEST]")
    return HubFile(**match.groupdict())


def sha256_of(path: pathlib.Path) -> str:
    """SHA-256 of a file in hexadecimal digits."""
    digest = hashlib.sha256()
    with open(path, "rb") as file:
        while block := file.read(_BLOCK):
            digest.update(block)
    return digest.hexdigest()


def _fetched(wanted: HubFile, name: str) -> pathlib.Path:
    try:
        from huggingface_hub import hf_hub_download
    except ModuleNotFoundError:
        raise InputError(
            f"{name}: huggingface_hub is not installed; pip install 'ovis-jax[hub]'"
        ) from None
    try:
        path = hf_hub_download(repo_id=wanted.repo, filename=wanted.file, revision=wanted.revision)
    except Exception as error:  # of many kinds: the network, the hub, its cache
        reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
        raise InputError(f"{name}: cannot be fetched ({reason})") from error
    return pathlib.Path(path)
