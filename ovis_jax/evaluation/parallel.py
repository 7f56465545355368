"""Reads and measures a results file in several processes.

Every process reads and checks its own part of the file. Meanwhile this process reads the ground
truth and sends its masks to the others, since a part is measured where it was read: what comes back
is small. Whatever is unusual (a file that cannot be cut, any problem in it) is left to the path of
one process, which knows how to name it.
"""

from __future__ import annotations

import multiprocessing
import os
import pathlib
import pickle
import sys
import threading
from multiprocessing.connection import Connection

from ovis_jax.evaluation.overlaps import (
    Key,
    Overlaps,
    join_overlaps,
    measure_overlaps,
    truth_masks,
)
from ovis_jax.formats.annotations import Annotations, load_annotations, load_header
from ovis_jax.formats.errors import InputError
from ovis_jax.formats.file_parts import FilePart, cut_records
from ovis_jax.formats.results import TrackResult, load_part

# Reading and sending a byte of ground truth, less what the others do to receive it, takes about a
# third of the time of reading and measuring a byte of results.
_TRUTH_COST = 0.32

Measured = tuple[int, dict[Key, Overlaps], set]
"""Number of tracks in a part, their overlaps, and what each track is known by."""


def measure_files(
    annotations: pathlib.Path | str,
    results: pathlib.Path | str,
    workers: int,
    *,
    progress: bool = False,
) -> tuple[Annotations, int, dict[Key, Overlaps]] | None:
    """Ground truth, number of tracks and their overlaps, exactly as one process finds them.

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
        context.Process(target=_work, args=(link, str(annotations), part), daemon=True)
        for (_, link), part in zip(links, parts[1:], strict=True)
    ]
    try:
        for process in processes:
            process.start()
        for _, theirs in links:
            theirs.close()
        return _lead([ours for ours, _ in links], annotations, parts[0], progress)
    finally:
        for process in processes:
            process.terminate()


def _lead(
    links: list[Connection], path: pathlib.Path | str, part: FilePart, progress: bool
) -> tuple[Annotations, int, dict[Key, Overlaps]] | None:
    """The work of this process: the ground truth, its own part, and joining all."""
    annotations = load_annotations(path)
    if not annotations.has_ground_truth:
        return None
    truth = truth_masks(annotations)
    message = pickle.dumps(truth, pickle.HIGHEST_PROTOCOL)
    for link in links:  # in threads, since a process takes the message when its part is read
        threading.Thread(target=_send, args=(link, message), daemon=True).start()
    measured = [_measure_part(part, annotations, truth, progress)]
    for link in links:
        try:
            measured.append(link.recv())
        except EOFError:
            return None
    if any(own is None for own in measured):
        return None
    known = [own[2] for own in measured]
    if len(set().union(*known)) < sum(map(len, known)):  # perhaps the same track twice
        return None
    sizes = [(size, overlaps) for size, overlaps, _ in measured]
    return annotations, sum(size for size, _ in sizes), join_overlaps(sizes)


def _work(link: Connection, path: str, part: FilePart) -> None:
    """The work of another process."""
    try:
        tracks = load_part(part, load_header(path))
    except (InputError, OSError):
        link.send(None)
        return
    link.send(_measured(tracks, pickle.loads(link.recv_bytes()), progress=False))


def _measure_part(
    part: FilePart, annotations: Annotations, truth: dict, progress: bool
) -> Measured | None:
    try:
        tracks = load_part(part, annotations, progress=progress)
    except (InputError, OSError):
        return None
    return _measured(tracks, truth, progress)


def _measured(tracks: list[TrackResult], truth: dict, progress: bool) -> Measured:
    known = set()
    for track in tracks:
        areas = track.segmentations.areas()
        if areas.any():
            known.add((track.video_id, track.category_id, track.score, int(areas.sum())))
    return len(tracks), measure_overlaps(truth, tracks, progress=progress), known


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
