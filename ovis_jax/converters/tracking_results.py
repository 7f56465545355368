"""results.json, as objects of the videos that were predicted."""

from __future__ import annotations

import collections
import dataclasses
import pathlib
from collections.abc import Sequence

from ovis_jax.converters.sources import Sources
from ovis_jax.formats.annotations import Annotations, Instance, load_header
from ovis_jax.formats.errors import InputError
from ovis_jax.formats.results import TrackResult, load_results


def read(path: pathlib.Path, sources: Sources) -> Annotations:
    """Reads results; every track is an object with a score, numbered from 1.

    Raises:
      InputError: `sources` has no annotation file, or the results are malformed or not of its
        videos and categories.
    """
    if sources.annotations is None:
        raise InputError(f"{path}: results need the annotation file of their videos: --annotations")
    header = load_header(sources.annotations)
    tracks = load_results(path, header)
    kept = _surest(tracks, sources)
    if len(kept) < len(tracks):
        sources.note(
            f"{path}: {len(tracks) - len(kept)} of {len(tracks)} tracks are left out, "
            f"{_reasons(sources)}"
        )
    instances = tuple(_instance(track, number) for number, track in enumerate(kept, start=1))
    videos = tuple(dataclasses.replace(video, annotated_frames=None) for video in header.videos)
    found = Annotations(str(path), videos, header.categories, instances, True)
    return sources.in_categories(found)


def _surest(tracks: Sequence[TrackResult], sources: Sources) -> list[TrackResult]:
    """The tracks that are wanted, in the order of the file."""
    least = -float("inf") if sources.min_score is None else sources.min_score
    places = [place for place, track in enumerate(tracks) if track.score >= least]
    if sources.most_tracks is None:
        return [tracks[place] for place in places]
    ahead: collections.Counter[int] = collections.Counter()  # surer tracks of the same video
    kept = set()
    for place in sorted(places, key=lambda place: -tracks[place].score):
        video = tracks[place].video_id
        if ahead[video] < sources.most_tracks:
            kept.add(place)
        ahead[video] += 1
    return [tracks[place] for place in sorted(kept)]


def _reasons(sources: Sources) -> str:
    reasons = []
    if sources.min_score is not None:
        reasons.append(f"with a score below {sources.min_score:g}")
    if sources.most_tracks is not None:
        reasons.append(f"less sure than {sources.most_tracks} others of their video")
    return " or ".join(reasons)


def _instance(track: TrackResult, number: int) -> Instance:
    return Instance(
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
