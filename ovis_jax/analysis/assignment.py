"""Which column each row takes, so that the sum of the weights is largest; exact."""

from __future__ import annotations

import numpy as np


def best_assignment(weights: np.ndarray) -> np.ndarray:
    """One column at most for each row, one row at most for each column, with the largest sum.

    A pair of weight 0 is worth as much as none and is not taken. Of several assignments with the
    same sum, one is given.

    Args:
      weights: [R, C] float64, none below 0.

    Returns:
      [R] int, a column or -1.
    """
    chosen = np.full(len(weights), -1)
    if not weights.size:
        return chosen
    best = weights.argmax(axis=1)
    rows = np.flatnonzero(weights[np.arange(len(weights)), best] > 0)
    wanted = best[rows]
    if len(set(wanted.tolist())) == len(rows):  # nobody has to give way
        chosen[rows] = wanted
        return chosen
    columns = np.flatnonzero((weights > 0).any(axis=0))
    part = weights[np.ix_(rows, columns)]
    if len(rows) <= len(columns):
        places, taken = np.arange(len(rows)), _cheapest_columns(-part)
    else:
        places, taken = _cheapest_columns(-part.T), np.arange(len(columns))
    useful = part[places, taken] > 0
    chosen[rows[places[useful]]] = columns[taken[useful]]
    return chosen


def assign_frames(weights: np.ndarray) -> np.ndarray:
    """`best_assignment` of every frame: weights [T, R, C] → [T, R] int, a column or -1."""
    num_frames, num_rows, num_columns = weights.shape
    if not weights.size:
        return np.full((num_frames, num_rows), -1)
    best = weights.argmax(axis=2)
    worth = np.take_along_axis(weights, best[..., None], axis=2)[..., 0] > 0
    chosen = np.where(worth, best, -1)
    frames, rows = np.nonzero(worth)
    places = frames * num_columns + chosen[frames, rows]
    takers = np.bincount(places, minlength=num_frames * num_columns)
    disputed = (takers.reshape(num_frames, num_columns) > 1).any(axis=1)
    for frame in np.flatnonzero(disputed):
        chosen[frame] = best_assignment(weights[frame])
    return chosen


def _cheapest_columns(cost: np.ndarray) -> np.ndarray:
    """A column for every row with the smallest sum, by shortest augmenting paths.

    Source: Crouse, "On implementing 2D rectangular assignment algorithms", 2016, algorithm of
    section II.

    Args:
      cost: [R, C], R at most C.

    Returns:
      [R] int.
    """
    num_rows, num_columns = cost.shape
    of_rows, of_columns = np.zeros(num_rows), np.zeros(num_columns)  # dual variables
    owner = np.full(num_columns, -1)
    for start in range(num_rows):
        distance = np.full(num_columns, np.inf)
        before = np.full(num_columns, -1)  # column that the path to a column comes through
        reached = np.zeros(num_columns, bool)
        row, column, length = start, -1, 0.0
        while row >= 0:
            through = length + cost[row] - of_rows[row] - of_columns
            shorter = ~reached & (through < distance)
            distance[shorter], before[shorter] = through[shorter], column
            column = int(np.where(reached, np.inf, distance).argmin())
            length, row = distance[column], owner[column]
            reached[column] = True
        passed = np.flatnonzero(reached & (owner >= 0))
        of_rows[start] += length
        of_rows[owner[passed]] += length - distance[passed]
        of_columns[passed] -= length - distance[passed]
        while column >= 0:
            previous = before[column]
            owner[column] = start if previous < 0 else owner[previous]
            column = previous
    taken = np.flatnonzero(owner >= 0)
    columns = np.empty(num_rows, int)
    columns[owner[taken]] = taken
    return columns
