"""The run lengths in compressed masks, read and checked for many masks at once; numpy only.

How they are written is said in `ovis_jax.formats.run_pairs`, which reads those without a problem.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np

from ovis_jax.formats.plain_values import kind
from ovis_jax.formats.run_pairs import MAX_CHARACTERS, RunPairs, read_pairs

_BATCH = 1 << 18  # characters read at once: much for each call, little for the cache


@dataclasses.dataclass(frozen=True)
class Runs:
    """What is known about N masks.

    Attributes:
      areas: [N] int64, pixels that are one; meaningless where the mask has a problem.
      problems: what is wrong, by index of the mask.
      empty_runs: indices of masks with runs of length zero other than the first and the last. The
        C code stops too early where two such masks meet, so they must be written anew.
    """

    areas: np.ndarray
    problems: dict[int, str]
    empty_runs: list[int]


def read_runs(counts: Sequence[str], pixels: np.ndarray) -> Runs:
    """Reads the `counts` of compressed masks.

    Args:
      counts: one string for each mask.
      pixels: [N] int, height times width that each mask should have.
    """
    pixels = np.asarray(pixels, np.int64)
    lengths = np.array([len(c) for c in counts], np.int64)
    batch = (np.cumsum(lengths) - lengths) // _BATCH
    edges = np.flatnonzero(np.diff(batch, prepend=-1, append=-1)).tolist()
    areas, problems, empty_runs = np.zeros(len(counts), np.int64), {}, []
    for first, end in zip(edges[:-1], edges[1:], strict=True):
        own = counts[first:end]
        found = _read_batch(own, pixels[first:end])
        if found is None:  # something is wrong: look at each mask alone
            found = _read_singly(own, pixels[first:end])
        areas[first:end] = found.areas
        problems |= {first + i: text for i, text in found.problems.items()}
        empty_runs += [first + i for i in found.empty_runs]
    return Runs(areas, problems, empty_runs)


def counts_problem(counts: object, pixels: int) -> str | None:
    """What is wrong with the counts of one mask, compressed or not, as a phrase, or None."""
    if isinstance(counts, bytes):
        counts = counts.decode("latin-1")
    if isinstance(counts, str):
        return _text_problem(counts, pixels)
    if not isinstance(counts, list):
        return f"counts are {kind(counts)}, expected a string or a list of run lengths"
    if not all(type(v) is int and v >= 0 for v in counts):
        return "counts hold a run length that is not a whole number from 0 on"
    return _sum_problem(sum(counts), pixels)


def run_lengths(counts: str) -> np.ndarray:
    """[runs] int64, the run lengths of one mask that has no problem."""
    numbers, _ = _numbers(np.frombuffer(counts.encode("ascii"), np.uint8) - np.uint8(48))
    return _chained_runs(numbers, np.zeros(1, np.int64)).astype(np.int64)


def joined_runs(runs: Sequence[int]) -> list[int]:
    """The same mask without empty runs, but for a first one."""
    joined = [int(v) for v in runs[:1]]
    for position, length in enumerate(runs[1:], start=1):
        if not length:
            continue
        if position % 2 == len(joined) % 2:
            joined.append(int(length))
        else:
            joined[-1] += int(length)
    return joined


def _read_batch(counts: Sequence[str], pixels: np.ndarray) -> Runs | None:
    """As `read_runs`; None if any mask has a problem."""
    found = read_pairs(counts)
    if found is None or found.runs.min() < 0:
        return None
    zeros, areas = found.areas()
    if (zeros + areas != pixels).any():
        return None
    return Runs(areas, {}, _with_empty_runs(found))


def _numbers(digits: np.ndarray) -> tuple[np.ndarray | None, np.ndarray]:
    """Joins digits to numbers.

    Args:
      digits: [characters] uint8 in [0, 64), the last one ending a number.

    Returns:
      [numbers] int32 (None if one is too long), and the [numbers] positions of their last digits.
    """
    last = np.flatnonzero(digits < 32)
    lengths = last.copy()  # np.diff takes several times as long
    lengths[:1] += 1
    lengths[1:] -= last[:-1]
    numbers = ((digits[last] ^ np.uint8(16)).view(np.int8) - np.int8(16)).astype(np.int32)
    longer = np.flatnonzero(lengths > 1)
    for place in range(1, MAX_CHARACTERS):
        if not longer.size:
            return numbers, last
        lower = digits[last[longer] - place] & np.uint8(31)
        numbers[longer] = numbers[longer] * 32 + lower
        longer = longer[lengths[longer] > place + 1]
    return (None if longer.size else numbers), last


def _chained_runs(numbers: np.ndarray, firsts: np.ndarray) -> np.ndarray:
    """Adds up the differences; int32 arithmetic wraps around exactly as it does in the C code.

    Args:
      numbers: [numbers] int32 of all masks.
      firsts: [N] int, where each mask begins.
    """
    differences = numbers.copy()
    differences[firsts] = 0  # a mask's first number stands alone
    runs = np.empty_like(numbers)
    for parity in (0, 1):  # a number and the one two before it; masks one after the other
        total = np.cumsum(differences[parity::2], dtype=np.int32)
        starts = (firsts - parity + 1) // 2
        before = np.where(starts > 0, total[starts - 1], 0) if total.size else starts
        counts = np.append(starts[1:], total.size) - starts
        runs[parity::2] = total - np.repeat(before.astype(np.int32), counts)
    runs[firsts] = numbers[firsts]
    return runs


def _with_empty_runs(found: RunPairs) -> list[int]:
    """Masks with an empty run other than the first and the last."""
    runs, first = found.runs, 2 * found.firsts
    last, end = first + found.numbers - 1, np.append(first[1:], runs.size)
    num_outer = (
        np.count_nonzero(runs[first] == 0)
        + np.count_nonzero(runs[last[last > first]] == 0)
        + (end - last - 1).sum()  # what fills up the last pair
    )
    if runs.size - np.count_nonzero(runs) == num_outer:
        return []
    inner = runs == 0
    inner[np.concatenate([first, last, last + 1, end - 1])] = False
    masks = np.searchsorted(first, np.flatnonzero(inner), side="right") - 1
    return np.unique(masks).tolist()


def _read_singly(counts: Sequence[str], pixels: np.ndarray) -> Runs:
    areas, problems, empty_runs = np.zeros(len(counts), np.int64), {}, []
    for i, text in enumerate(counts):
        problem = _text_problem(text, int(pixels[i]))
        if problem:
            problems[i] = problem
            continue
        runs = run_lengths(text)
        areas[i] = runs[1::2].sum()
        if not runs[1:-1].all():
            empty_runs.append(i)
    return Runs(areas, problems, empty_runs)


def _text_problem(counts: str, pixels: int) -> str | None:
    if not counts:
        return "counts are empty"
    codes = np.array([ord(c) for c in counts])
    wrong = np.flatnonzero((codes < 48) | (codes > 111))
    if wrong.size:
        return f"counts have the character {counts[wrong[0]]!r}, expected those from '0' to 'o'"
    digits = (codes - 48).astype(np.uint8)
    if digits[-1] >= 32:
        return "counts end within a number"
    numbers, _ = _numbers(digits)
    if numbers is None:
        return "counts hold a number that is too large"
    runs = _chained_runs(numbers, np.zeros(1, np.int64))
    if runs.min() < 0:
        return f"counts hold a negative run length, {runs.min()}"
    return _sum_problem(int(runs.sum(dtype=np.int64)), pixels)


def _sum_problem(total: int, pixels: int) -> str | None:
    if total == pixels:
        return None
    return f"counts add up to {total} pixels, expected {pixels} (height times width)"
