"""Tables and curves of HOTA and IDF1."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np

from ovis_jax.analysis.association_rows import LEVEL_ROWS, ROWS
from ovis_jax.analysis.association_sums import AssociationSums, association_numbers
from ovis_jax.analysis.draw_intervals import draw_cells, difference_cells
from ovis_jax.analysis.sections import Axis, Column, Curves, Line, Section, Table, percent
from ovis_jax.analysis.sums import add_up, add_up_draws

_NEED_WRONG = frozenset(("HOTA", "DetA", "DetPr", "IDF1", "IDP"))
"""Numbers that fall with every track that shows no object, whatever level that would have had."""

_NAMES = (
    *("HOTA", "DetA", "AssA", "LocA", "DetRe", "DetPr", "AssRe", "AssPr", "OWTA"),
    *("IDF1", "IDP", "IDR"),
)
_COMPARED = ("HOTA", "DetA", "AssA", "IDF1")
_CURVES = ("HOTA", "DetA", "AssA", "IDF1")
_ROW_LABELS = {
    "all": "all frames",
    "no_occlusion": "frames without occlusion",
    "slight_occlusion": "frames with slight occlusion",
    "severe_occlusion": "frames with severe occlusion",
    "SO": "slightly occluded objects, SO",
    "MO": "moderately occluded objects, MO",
    "HO": "heavily occluded objects, HO",
}

_TEXT = (
    "HOTA is the geometric mean of detection (DetA: are the objects' frames found, and nothing "
    "else?) and association (AssA: for each match, in how many of the frames of its object and of "
    "its track are the two matched?), averaged over IoU thresholds from 0.05 to 0.95. IDF1 gives "
    "each object one track of the video and counts the frames in which it shows the object at an "
    "IoU of 0.5. All tracks count, however low their scores; the curve shows what becomes of the "
    "numbers if only tracks from a score on are kept.\n\n"
    "Frames are chosen after matching. Nobody knows how occluded an object would be that a track "
    "only pretends to show: in the rows of objects, every such frame counts as wrong, as in AP_SO, "
    "AP_MO and AP_HO; in the rows of frames, numbers that need it are left out, and OWTA (the "
    "geometric mean of DetRe and AssA) stands for HOTA."
)


def association_section(
    *,
    within: AssociationSums,
    across: AssociationSums,
    of_category: Mapping[str, AssociationSums],
    of_score: Mapping[float, AssociationSums],
) -> Section:
    """What one system comes to.

    Args:
      within: sums over all videos, tracks and objects of the same category being matched.
      across: the same, whatever the categories.
      of_category: sums of each category by its name.
      of_score: sums `within` by the score from which on tracks count.
    """
    numbers = {"within_categories": within, "across_categories": across}
    numbers = {name: _row_values(own) for name, own in numbers.items()}
    categories = {name: _row_values(own)["all"] for name, own in of_category.items()}
    curve = {score: _row_values(own)["all"] for score, own in of_score.items()}
    mean = _mean_category(list(categories.values()))
    best = max(curve, key=lambda score: curve[score]["HOTA"] or 0.0)
    return Section(
        name="association",
        title="Detection and association: HOTA and IDF1",
        text=_TEXT,
        tables=[
            _rows_table("association", "By occlusion", numbers["within_categories"]),
            _rows_table(
                "association_across_categories",
                "By occlusion, categories not looked at",
                numbers["across_categories"],
            ),
            _categories_table(categories, mean),
            _scores_table(curve),
        ],
        plots=[_score_curves(curve)],
        values={
            **numbers,
            "of_category": categories,
            "category_mean": mean,
            "best_min_score": best,
            "best_hota": curve[best]["HOTA"],
        },
    )


def compare_associations(
    systems: Mapping[str, Sequence[AssociationSums]], draws: np.ndarray
) -> list[Section]:
    """Systems side by side, with intervals over draws of the videos.

    Args:
      systems: by name, sums of each of V videos.
      draws: [B, V] int, how often each video stands in each draw.
    """
    if not draws.size:
        return []
    values = [_compared(association_numbers(add_up(own))) for own in systems.values()]
    samples = [
        _compared(association_numbers(add_up_draws(own, draws))) for own in systems.values()
    ]
    names = [*_COMPARED, *(f"HOTA_{row}" for row in _GROUPS)]
    values, samples = np.array(values), np.array(samples)
    labels = list(systems)
    tables = [
        Table(
            "association_of_systems",
            "Association",
            [Column("system"), *map(percent, names)],
            [
                [label, *draw_cells(own, drawn)]
                for label, own, drawn in zip(labels, values, samples, strict=True)
            ],
        ),
        Table(
            "association_differences",
            f"Difference to {labels[0]}",
            [Column("system"), *(Column(name, "points", 1) for name in names)],
            [
                [label, *draw_cells(own - values[0], drawn - samples[0])]
                for label, own, drawn in zip(labels[1:], values[1:], samples[1:], strict=True)
            ],
        ),
    ]
    return [Section("association", "Detection and association", "", tables)]
