"""The masks of one track as annotation and results files have them, kept compressed."""

from __future__ import annotations

import array
import itertools
from collections.abc import Iterable
from types import NoneType

import numpy as np

from ovis_jax.formats import rle
from ovis_jax.formats.errors import InputError, Problems
from ovis_jax.formats.rle_runs import joined_runs, read_runs, run_lengths

Entry = str | list | None
_USUAL = {str, NoneType}  # types of entries that are compressed masks or none


class Segmentations:
    """One mask, or none, for each frame of a video; decoded when asked for.

    Most masks are kept as nothing but the `counts` string of the file: their size is the video's.

    Attributes:
      size: (height, width) of the frames.
      entries: for each frame the counts of a compressed mask, a list of polygons, or None.
    """

    __slots__ = ("size", "entries", "_areas", "_polygons")

    def __init__(self, size: tuple[int, int], entries: list[Entry], areas: np.ndarray):
        """Takes entries that were checked; files are read with `check_segmentations`.

        Args:
          size: see above.
          entries: see above.
          areas: [T] int64, pixels of each compressed mask; 0 elsewhere.
        """
        self.size, self.entries, self._areas = size, entries, areas
        self._polygons = (
            [f for f, entry in enumerate(entries) if type(entry) is list]
            if list in set(map(type, entries))
            else []
        )

    def __len__(self) -> int:
        """Number of frames."""
        return len(self.entries)

    def __getitem__(self, frame: int) -> dict | None:
        """Compressed mask of a frame, `{"size": [height, width], "counts": str}`, or None."""
        counts = self.counts(frame)
        return None if counts is None else {"size": list(self.size), "counts": counts}

    def counts(self, frame: int) -> str | None:
        """The `counts` of the compressed mask of a frame, or None."""
        entry = self.entries[frame]
        return rle.from_polygons(entry, *self.size)["counts"] if type(entry) is list else entry

    def areas(self) -> np.ndarray:
        """[T] int64, number of pixels in each frame; 0 where there is no mask."""
        areas = self._areas.copy()
        if self._polygons:
            areas[self._polygons] = rle.area([self[frame] for frame in self._polygons])
        return areas

    def boxes(self) -> np.ndarray:
        """[T, 4] float64 (x, y, width, height) around each mask; NaN where there is no pixel."""
        boxes = np.full((len(self), 4), np.nan)
        frames = np.flatnonzero(self.areas())
        if frames.size:
            boxes[frames] = rle.bounding_boxes([self[frame] for frame in frames])
        return boxes

    def in_frames(self, wanted: np.ndarray) -> Segmentations:
        """The same masks in some frames, [T] bool, and none in the others."""
        entries = [
            entry if keep else None for entry, keep in zip(self.entries, wanted, strict=True)
        ]
        return Segmentations(self.size, entries, np.where(wanted, self._areas, 0))

    def set_areas(self, areas: np.ndarray) -> None:
        """Puts in the number of pixels of each compressed mask, [T] int64."""
        self._areas = areas

    def join_runs(self, frame: int) -> None:
        """Writes a compressed mask without empty runs."""
        runs = joined_runs(run_lengths(self.entries[frame]).tolist())
        self.entries[frame] = rle.from_uncompressed({"size": self.size, "counts": runs})["counts"]


def compact(raw: list) -> tuple[list | None, list]:
    """Keeps little more than the numbers, to save memory.

    Compressed masks of the same size as the first become their counts, polygons become arrays.

    Returns:
      (size, entries): the size as it stands in the file, or None without a compressed mask; entries
      not understood stay as they are, for `check_segmentations` to complain about.
    """
    size = next((e.get("size") for e in raw if _is_compressed(e)), None)
    return size, _usual(raw, size) or [_compact_entry(entry, size) for entry in raw]


def check_segmentations(
    tracks: Iterable[tuple[str, tuple[int, int], tuple]],
    *,
    polygons: bool,
    problems: Problems | None = None,
) -> list[Segmentations]:
    """Checks the masks of many tracks at once.

    Args:
      tracks: for each track its name in messages (file and entry), the (height, width) of its
        video, and what `compact` gave for it.
      polygons: whether polygons and uncompressed masks are allowed.
      problems: takes what is found, so that the search goes on; None to raise at once.

    Raises:
      InputError: a mask is malformed or has another size; names entry, field and frame.
    """
    problems = problems or Problems(limit=1)
    checked = [_check_entries(*track, polygons=polygons, problems=problems) for track in tracks]
    _check_counts([where for where, _ in checked], [masks for _, masks in checked], problems)
    return [masks for _, masks in checked]


def _check_entries(
    where: str,
    size: tuple[int, int],
    compacted: tuple,
    *,
    polygons: bool,
    problems: Problems,
) -> tuple[str, Segmentations]:
    """Everything about a track's masks but the counts of compressed ones; None where it is bad."""
    found, entries = compacted
    where = f"{where}: segmentations"
    if found is not None and found != list(size):
        frame = next(f for f, entry in enumerate(entries) if type(entry) is str)
        problem = rle.check_rle({"size": found, "counts": entries[frame]}, *size)
        problems.add(f"{where}, frame {frame}: {problem}")
        entries = [None] * len(entries)
    if not set(map(type, entries)) <= _USUAL:
        entries = list(entries)
        for frame, entry in enumerate(entries):
            if entry is None or type(entry) is str:
                continue
            entries[frame] = None
            try:
                entries[frame] = _check_other(f"{where}, frame {frame}", size, entry, polygons)
            except InputError as error:
                problems.add(error)
    return where, Segmentations(size, entries, np.zeros(len(entries), np.int64))


def _check_other(where: str, size: tuple[int, int], entry: object, polygons: bool) -> Entry:
    """An entry that is not a compressed mask of the usual size."""
    uncompressed = isinstance(entry, dict) and isinstance(entry.get("counts"), list)
    if isinstance(entry, list) and not entry:
        return None  # no polygon, no mask; the official evaluator takes it so in results, too
    if not polygons and (uncompressed or isinstance(entry, list)):
        found = "an uncompressed one" if uncompressed else "a list"
        raise InputError(f"{where}: expected a compressed run-length mask or null, is {found}")
    if not polygons or isinstance(entry, dict):
        problem = rle.check_rle(entry, *size)
    elif _is_compact(entry):
        return entry
    else:
        problem = rle.check_polygons(entry)
    if problem:
        raise InputError(f"{where}: {problem}")
    if isinstance(entry, list):
        return entry
    counts = rle.from_uncompressed(entry)["counts"] if uncompressed else entry["counts"]
    return counts.decode("ascii") if isinstance(counts, bytes) else counts


def _check_counts(names: list[str], tracks: list[Segmentations], problems: Problems) -> None:
    """Reads the counts of compressed masks: fills in areas, joins runs that are split."""
    if not tracks:
        return
    entries = list(itertools.chain.from_iterable(track.entries for track in tracks))
    places = np.array([place for place, e in enumerate(entries) if type(e) is str], np.int64)
    lengths = np.array([len(track) for track in tracks])
    before = np.cumsum(lengths) - lengths
    owners = np.repeat(np.arange(len(tracks)), lengths)[places]
    pixels = np.array([track.size[0] * track.size[1] for track in tracks])[owners]
    runs = read_runs([entries[place] for place in places.tolist()], pixels)
    areas = np.zeros(len(entries), np.int64)
    areas[places] = runs.areas
    for track, own in zip(tracks, np.split(areas, before[1:]), strict=True):
        track.set_areas(own)
    for number in sorted(runs.problems):
        owner = owners[number]
        frame = places[number] - before[owner]
        problems.add(f"{names[owner]}, frame {frame}: {runs.problems[number]}")
    for number in runs.empty_runs:
        owner = owners[number]
        tracks[owner].join_runs(places[number] - before[owner])


def _usual(raw: list, size: list | None) -> list | None:
    """The entries if all are compressed masks of this size, or None, as nearly always."""
    try:
        if size is None or not all([entry is None or entry["size"] == size for entry in raw]):
            return None
        # Counts that are null or empty are no mask, but not usual either.
        entries = [None if entry is None else entry["counts"] or () for entry in raw]
    except (TypeError, KeyError, IndexError):
        return None
    return entries if set(map(type, entries)) <= _USUAL else None


def _compact_entry(entry: object, size: list | None) -> object:
    if _is_compressed(entry) and entry["size"] == size:
        return entry["counts"]
    if type(entry) is list and entry and rle.check_polygons(entry) is None:
        return [array.array("d", polygon) for polygon in entry]
    return {} if isinstance(entry, str) else entry  # a string alone is no mask


def _is_compact(entry: object) -> bool:
    """Whether an entry is polygons that `compact` has checked."""
    return type(entry) is list and bool(entry) and type(entry[0]) is array.array


def _is_compressed(entry: object) -> bool:
    return (
        type(entry) is dict and type(entry.get("counts")) is str and type(entry.get("size")) is list
    )
