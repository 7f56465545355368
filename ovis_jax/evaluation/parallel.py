"""Reads and measures a results file in several processes.

Every process reads and checks its own part of the file. Meanwhile this process reads the ground
truth and sends its masks to the others, since a part is measured where it was read: what comes back
is small. Whatever is unusual (a file that cannot be cut, any problem in it) is left to the path of
one process, which knows how to name it.
"""

from __future__ import annotations

import collections
import dataclasses
import functools
import multiprocessing
import os
import pathlib
import pickle
import sys
import threading
from collections.abc import Callable, Sequence
from multiprocessing.connection import Connection

from ovis_jax.evaluation.annotated_frames import in_annotated_frames
from ovis_jax.evaluation.overlaps import (
    Key,
    Overlaps,
    join_overlaps,
    measure_overlaps,
    pooled_categories,
    truth_masks,
)
from ovis_jax.evaluation.repeated import (
    TrackHead,
    TrackKey,
    alike,
    count_repeated,
    track_heads,
    track_keys,
)
from ovis_jax.formats.annotations import Annotations, load_annotations, load_header
from ovis_jax.formats.errors import InputError
from ovis_jax.formats.file_parts import FilePart, cut_records
from ovis_jax.formats.result_heads import AS_ANNOTATED, ResultsOptions
from ovis_jax.formats.results import ReadResults, TrackResult, load_part

# Reading and sending a byte of ground truth, less what the others do to receive it, takes about
# this much of the time of reading and measuring a byte of results.
_TRUTH_COST = 0.45


@dataclasses.dataclass(frozen=True)
class MeasuredPart:
    """What is known of a part of the results.

    Attributes:
      num_tracks: in it.
      overlaps: of its tracks.
      heads: of its tracks, to find those that may be there twice.
      dropped: see `ReadResults`.
    """

    num_tracks: int
    overlaps: dict[Key, Overlaps]
    heads: list[TrackHead | None]
    dropped: dict[str, collections.Counter[int]]


@dataclasses.dataclass(frozen=True)
class MeasuredResults:
    """What is known of all parts.

    Attributes:
      num_tracks: in them.
      num_repeated: of these, the same as an earlier one.
      overlaps: of the tracks.
      dropped: see `ReadResults`.
    """

    num_tracks: int
    num_repeated: int
    overlaps: dict[Key, Overlaps]
    dropped: dict[str, collections.Counter[int]]


def measure_files(
    annotations: pathlib.Path | str,
    results: pathlib.Path | str,
    workers: int,
    options: ResultsOptions = AS_ANNOTATED,
    *,
    progress: bool = False,
) -> tuple[Annotations, MeasuredResults] | None:
    """Ground truth and what is known of the results, exactly as one process finds it.

    Returns:
      None if one process has to look.

    Raises:
      InputError: the ground truth cannot be used.
    """
    parts = _cut(annotations, results, workers)
    if len(parts) < 2:
        return None
    context = multiprocessing.get_context(_start_method())
    links = [context.Pipe() for _ in parts[1:]]
    processes = [
        context.Process(target=_work, args=(link, str(annotations), part, options), daemon=True)
        for (_, link), part in zip(links, parts[1:], strict=True)
    ]
    try:
        for process in processes:
            process.start()
        for _, theirs in links:
            theirs.close()
        annotations = load_annotations(annotations)
        if not annotations.has_ground_truth:
            return None
        part = functools.partial(_measure_part, parts[0], annotations, options, progress)
        truth = _truth(annotations, options)
        found = _lead([ours for ours, _ in links], truth, part)
        return found and (annotations, found)
    finally:
        for process in processes:
            process.terminate()


def _lead(
    links: list[Connection],
    truth: dict,
    measure_own: Callable[[dict], tuple[MeasuredPart, Sequence[TrackResult]] | None],
) -> MeasuredResults | None:
    """The work of this process: its own part, and joining all."""
    message = pickle.dumps(truth, pickle.HIGHEST_PROTOCOL)
    for link in links:  # in threads, since a process takes the message when its part is read
        threading.Thread(target=_send, args=(link, message), daemon=True).start()
    own = measure_own(truth)
    if own is None:
        return None
    try:
        parts = [own[0], *(link.recv() for link in links)]
        if any(part is None for part in parts):
            return None
        wanted = alike([part.heads for part in parts])
        for link, numbers in zip(links, wanted[1:], strict=True):
            link.send(numbers)
        keys = track_keys(own[1][number] for number in wanted[0])
        return _join(parts, keys + [key for link in links for key in link.recv()])
    except (EOFError, OSError):  # a process is gone
        return None


def _join(parts: Sequence[MeasuredPart], keys: Sequence[TrackKey]) -> MeasuredResults:
    """All parts; `keys` are those of tracks that may be there twice."""
    return MeasuredResults(
        num_tracks=sum(part.num_tracks for part in parts),
        num_repeated=count_repeated(keys),
        overlaps=join_overlaps([(part.num_tracks, part.overlaps) for part in parts]),
        dropped={
            kind: sum((part.dropped[kind] for part in parts), collections.Counter())
            for kind in parts[0].dropped
        },
    )


def _work(link: Connection, path: str, part: FilePart, options: ResultsOptions) -> None:
    """The work of another process."""
    try:
        header = load_header(path)
        read = in_annotated_frames(load_part(part, header, options), header.videos)
    except (InputError, OSError):
        link.send(None)
        return
    truth = pickle.loads(link.recv_bytes())
    link.send(_measured(read, truth, options.class_agnostic, progress=False))
    link.send(track_keys(read.tracks[number] for number in link.recv()))


def _measure_part(
    part: FilePart,
    annotations: Annotations,
    options: ResultsOptions,
    progress: bool,
    truth: dict,
) -> tuple[MeasuredPart, Sequence[TrackResult]] | None:
    """What is known of a part, and its tracks; None if there is a problem in it."""
    try:
        read = load_part(part, annotations, options, progress=progress)
        read = in_annotated_frames(read, annotations.videos)
    except (InputError, OSError):
        return None
    return _measured(read, truth, options.class_agnostic, progress), read.tracks


def _measured(read: ReadResults, truth: dict, class_agnostic: bool, progress: bool) -> MeasuredPart:
    tracks = read.tracks
    overlaps = measure_overlaps(truth, tracks, class_agnostic=class_agnostic, progress=progress)
    return MeasuredPart(len(tracks), overlaps, track_heads(tracks), read.dropped)


def _truth(annotations: Annotations, options: ResultsOptions) -> dict:
    return truth_masks(pooled_categories(annotations) if options.class_agnostic else annotations)


def _cut(
    annotations: pathlib.Path | str, results: pathlib.Path | str, workers: int
) -> list[FilePart]:
    """Parts of the results; the first is smaller, since its reader has the ground truth to read."""
    try:
        sizes = [os.path.getsize(path) for path in (annotations, results)]
    except OSError:
        return []
    each = (sizes[1] + _TRUTH_COST * sizes[0]) / workers
    first = max(each - _TRUTH_COST * sizes[0], 0)
    return cut_records(results, [first + number * each for number in range(workers - 1)])


def _send(link: Connection, message: bytes) -> None:
    try:
        link.send_bytes(message)
    except OSError:  # it found a problem and has gone
        pass


def _start_method() -> str:
    """A fork is quick, but not safe beside the threads of jax."""
    forks = "fork" in multiprocessing.get_all_start_methods()
    return "fork" if forks and not {"jax", "tensorflow"} & set(sys.modules) else "spawn"
