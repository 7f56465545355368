"""The run lengths in many compressed masks at once, two to an integer; numpy only.

In `counts` a number is written with characters of five bits each, lowest first; the characters are
those from "0" on. Bit 32 says that more follow, bit 16 of the last is the sign. From the fourth
number on, each is the difference to the number two before. So zeros and ones are two sums that run
side by side, and one addition of 64-bit integers does both: a pair of a run of zeros and the run of
ones behind it lies in the lower and the upper half.
"""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Sequence

import numpy as np

MAX_CHARACTERS = 6
"""Of a number: 30 bits, more than any frame has pixels."""

_MORE = 80  # characters from here on say that more follow
_FOLLOWED = bytes(range(_MORE, _MORE + 32))
_SIGNED = bytes((((code - 48) & 31 ^ 16) - 16) & 255 for code in range(256))  # as int8
_HALF = 0xFFFFFFFF


@dataclasses.dataclass(frozen=True)
class RunPairs:
    """Runs of N masks, one mask behind the other; right where none of them is negative.

    Attributes:
      pairs: [pairs] little-endian int64, run of zeros + 2**32 * run of ones. The last pair of each
        mask has a run of no ones.
      firsts: [N] int64, where each mask begins.
      numbers: [N] int64, how many runs each mask has, without those that fill up its last pair.
    """

    pairs: np.ndarray
    firsts: np.ndarray
    numbers: np.ndarray

    @property
    def runs(self) -> np.ndarray:
        """[2 * pairs] int32, zeros and ones in turn."""
        return self.pairs.view("<i4")

    @property
    def zeros(self) -> np.ndarray:
        """[pairs] int32, runs of zeros."""
        return self.runs[::2]

    @property
    def ones(self) -> np.ndarray:
        """[pairs] int32, runs of ones."""
        return self.runs[1::2]

    def areas(self) -> tuple[np.ndarray, np.ndarray]:
        """[N] int64 zeros and [N] int64 ones of each mask, if no run is negative."""
        longest = np.append(self.firsts[1:], self.pairs.size) - self.firsts
        if int(self.runs.max()) * int(longest.max()) < 1 << 31:  # sums fit into their halves
            sums = np.add.reduceat(self.pairs, self.firsts)
            return sums & _HALF, sums >> 32
        halves = self.pairs & _HALF, self.pairs >> 32
        return tuple(np.add.reduceat(half, self.firsts) for half in halves)


def read_pairs(counts: Sequence[str]) -> RunPairs | None:
    """Reads the `counts` of at least one compressed mask.

    Run lengths wrap around at 32 bits, as in the C code; then one of the mask's is negative.

    Returns:
      None if a mask is empty text, has other characters, a number that is too long or one that does
      not end.
    """
    lengths = np.fromiter(map(len, counts), np.int64, len(counts))
    try:
        text = "0".join([*counts, ""]).encode("ascii")
    except UnicodeEncodeError:
        return None
    codes, ends = np.frombuffer(text, np.uint8), np.cumsum(lengths + 1)
    if not lengths.all() or codes.min() < 48 or codes.max() > 111:
        return None
    if (codes[ends - 2] >= _MORE).any():
        return None
    followed = np.flatnonzero(codes >= _MORE)
    own_followed = np.searchsorted(followed, ends)
    own_followed[1:] -= own_followed[:-1].copy()
    numbers = lengths - own_followed
    even = 1 - (numbers & 1)
    differences = _last_digits(text, ends[even == 1].tolist())
    if followed.size:
        at = followed - np.arange(followed.size)
        if even.any():
            at += np.repeat(np.cumsum(even) - even, own_followed)
        if not _add_lower_digits(differences, at, codes[followed]):
            return None
    sizes = numbers + 1 + even
    firsts = np.cumsum(sizes) - sizes
    found = RunPairs(_chained(_packed(differences), firsts >> 1), firsts >> 1, numbers)
    found.runs[firsts + numbers] = 0
    found.runs[firsts + sizes - 1] = 0
    return found


def _last_digits(text: bytes, even: Sequence[int]) -> np.ndarray:
    """[numbers] int32, the last and signed digit of each number.

    Args:
      text: of masks, with a 0 behind each.
      even: behind which characters another 0 is wanted.
    """
    if even:
        edges = [0, *even, len(text)]
        text = b"0".join([text[first:end] for first, end in itertools.pairwise(edges)])
    return np.frombuffer(text.translate(_SIGNED, _FOLLOWED), np.int8).astype("<i4")


def _add_lower_digits(numbers: np.ndarray, at: np.ndarray, codes: np.ndarray) -> bool:
    """Makes whole numbers of those of more than one digit; False if one is too long.

    Args:
      numbers: [numbers] int32, last digits; changed.
      at: [K] ascending, the number that each digit but the last belongs to.
      codes: [K] uint8, their characters.
    """
    begin = np.append(0, np.flatnonzero(at[1:] - at[:-1]) + 1)
    sizes = np.append(begin[1:], at.size) - begin
    if sizes.max() >= MAX_CHARACTERS:
        return False
    places = np.arange(at.size) - np.repeat(begin, sizes)
    lower = np.add.reduceat((codes & 31 ^ 16).astype(np.int64) << 5 * places, begin)
    own = at[begin]
    numbers[own] = (numbers[own] << 5 * sizes) + lower
    return True


def _packed(numbers: np.ndarray) -> np.ndarray:
    """[pairs] int64, lower + 2**32 * upper number; takes the memory of [2 * pairs] int32."""
    pairs = numbers.view("<i8")
    excess = pairs & 0x80000000  # as they stand, a lower number below 0 is 2**32 too large
    excess <<= 1
    pairs -= excess
    return pairs


def _chained(differences: np.ndarray, firsts: np.ndarray) -> np.ndarray:
    """Adds up differences [pairs], changed; masks begin at the pairs `firsts`."""
    more = firsts[np.append(firsts[1:], differences.size) - firsts > 1]
    alone = (differences[more] & _HALF).astype("<u4").view("<i4")  # no chain begins with the first
    differences[more + 1] -= alone
    sums = np.add.reduceat(differences, firsts)
    differences[firsts[1:]] -= sums[:-1]
    return np.cumsum(differences, out=differences)
