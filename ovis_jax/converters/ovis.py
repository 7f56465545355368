"""The format of this repository, as the other converters have theirs."""

from __future__ import annotations

import pathlib

from ovis_jax.converters.sources import Sources
from ovis_jax.formats.annotations import Annotations, load_annotations
from ovis_jax.formats.atomic import write_json
from ovis_jax.formats.documents import to_document


def read(path: pathlib.Path, sources: Sources) -> Annotations:
    """Reads an annotation file; see `load_annotations`."""
    return sources.in_categories(load_annotations(path))


def write(path: pathlib.Path, annotations: Annotations) -> list[str]:
    """Writes an annotation file, without loss."""
    write_json(path, to_document(annotations))
    return []
