"""results.json, as objects of the videos that were predicted."""

from __future__ import annotations

import pathlib

from ovis_jax.converters.sources import Sources
from ovis_jax.formats.annotations import Annotations, Instance, load_header
from ovis_jax.formats.errors import InputError
from ovis_jax.formats.results import load_results


def read(path: pathlib.Path, sources: Sources) -> Annotations:
    """Reads results; every track is an object with a score, numbered from 1.

    Raises:
      InputError: `sources` has no annotation file, or the results are malformed or not of its
        videos and categories.
    """
    if sources.annotations is None:
        raise InputError(f"{path}: results need the annotation file of their videos: --annotations")
    header = load_header(sources.annotations)
    instances = tuple(
        Instance(
            id=number,
            video_id=track.video_id,
            category_id=track.category_id,
            iscrowd=False,
            segmentations=track.segmentations,
            boxes=track.segmentations.boxes(),
            areas=track.segmentations.areas().astype(float),
            occlusion=None,
            score=track.score,
        )
        for number, track in enumerate(load_results(path, header), start=1)
    )
    found = Annotations(str(path), header.videos, header.categories, instances, True)
    return sources.in_categories(found)
