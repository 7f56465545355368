"""Groups of about as many objects each, by some value."""

from __future__ import annotations

import dataclasses

import numpy as np


@dataclasses.dataclass(frozen=True)
class QuantileGroups:
    """N groups of objects; each object with a value is in one.

    Attributes:
      lowest: [N], smallest value in each group.
      highest: [N], largest value in each group.
      members: [objects, N] bool.
    """

    lowest: np.ndarray
    highest: np.ndarray
    members: np.ndarray


def quantile_groups(values: np.ndarray, number: int = 4) -> QuantileGroups:
    """Cuts at the quantiles; a value on a cut belongs to the lower group.

    Equal values are never parted, so groups can be larger or smaller than others, and there are
    fewer where many values are the same.

    Args:
      values: [objects]; NaN belongs to no group.
      number: of groups, if all values differ.
    """
    known = ~np.isnan(values)
    if not known.any():
        return QuantileGroups(np.zeros(0), np.zeros(0), np.zeros((len(values), 0), bool))
    cuts = np.quantile(values[known], np.arange(1, number) / number, method="inverted_cdf")
    places = np.searchsorted(cuts, values, side="left")
    used = np.unique(places[known])
    members = (places[:, None] == used) & known[:, None]
    ends = [(values[own].min(), values[own].max()) for own in members.T]
    lowest, highest = np.array(ends).T
    return QuantileGroups(lowest, highest, members)
