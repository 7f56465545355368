"""What an analysis is."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol, Self

import numpy as np

from ovis_jax.analysis.scenes import Scene
from ovis_jax.analysis.sections import Section
from ovis_jax.formats.annotations import Annotations


class Analysis(Protocol):
    """One question to the results of one system.

    It is made from the ground truth, is then given every video once, in the order of the file (also
    those without any track or object), and answers at the end. Between videos it keeps sums or
    small records, never a `Scene` or masks.
    """

    def __init__(self, annotations: Annotations):
        """Has seen no video yet."""
        ...

    def add(self, scene: Scene) -> None:
        """Looks at the next video."""
        ...

    def sections(self) -> list[Section]:
        """What came out; also of no video, no object or no track, with None for what is unknown."""
        ...

    @classmethod
    def comparison(cls, systems: Mapping[str, Self], draws: np.ndarray) -> list[Section]:
        """Several systems side by side; an empty list if there is nothing to say.

        Args:
          systems: by what they are called, at least two, the first is the one compared with; all
            saw the same videos.
          draws: [B, V] int, how often each video stands in each bootstrap draw; the same for all
            analyses.
        """
        ...
