"""What a file is that should be JSON and is not: a phrase for the error, from its first bytes."""

from __future__ import annotations

HEAD = 512
"""Bytes that are looked at."""

_BINARY = (
    (b"\x93NUMPY", "a numpy file"),
    (b"\x89HDF", "an HDF5 file"),
    (b"PAR1", "a Parquet file"),
    (b"BZh", "a bzip2 archive"),
    (b"\xfd7zXZ", "an xz archive"),
    (b"7z\xbc\xaf", "a 7z archive"),
    (b"\x28\xb5\x2f\xfd", "a zstd archive"),
    (b"Rar!", "a RAR archive"),
    (b"SQLite format", "an SQLite data base"),
)
_PICKLE_OPCODES = b"\x95](})ccK.qXU\x8c\x8a"  # that may follow the protocol's number
_PICKLE = (
    "a Python pickle (.pkl), which is not read, since it may run code; results of mmdetection "
    "are written as JSON by its format_results, with --format-only"
)


def foreign_kind(head: bytes) -> str | None:
    """Names what is not JSON; None if it may be.

    Args:
      head: the first `HEAD` bytes of the file, unpacked if it was in an archive.
    """
    text = head.decode("utf-8-sig", "replace").lstrip()
    if not text:
        return "an empty file"
    if _is_pickle(head):
        return _PICKLE
    for magic, name in _BINARY:
        if head.startswith(magic):
            return name
    if head[257:262] == b"ustar":
        return "a tar archive, expected the file in it"
    return _foreign_text(text)


def _is_pickle(head: bytes) -> bool:
    """Pickles of protocol 2 and later, and lists and dictionaries of the protocols before."""
    if head[:1] == b"\x80":
        return head[1:2] in (b"\x02", b"\x03", b"\x04", b"\x05") and head[2:3] in _PICKLE_OPCODES
    return head.startswith((b"(lp0\n", b"(dp0\n", b"(lp1\n", b"(dp1\n", b"]q\x00", b"}q\x00"))


def _foreign_text(text: str) -> str | None:
    if text.startswith("version https://git-lfs"):
        return "a pointer of Git LFS, expected the file that it stands for (git lfs pull)"
    if text.lower().startswith(("<!doctype html", "<html")):
        return "an HTML page, perhaps saved in place of a download"
    if text.startswith("<"):
        return "an XML file"
    words = ("null", "true", "false", "nan", "-infinity", "infinity")
    if text[:1].isalpha() and not text.lower().startswith(words):
        line = text.splitlines()[0]
        table = "a table (CSV), its" if line.count(",") > 1 else "a text, its"
        return f"{table} first line {line[:40]!r}"
    return None
