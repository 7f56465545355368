"""Tables and curves of HOTA and IDF1."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np

from ovis_jax.analysis.association_sums import AssociationSums, association_numbers
from ovis_jax.analysis.bootstrap import comparison_parts
from ovis_jax.analysis.occlusion_rows import LEVEL_ROWS, OBJECT_GROUPS, ROW_LABELS, ROWS
from ovis_jax.analysis.sections import Axis, Column, Curves, Line, Section, Table, percent
from ovis_jax.analysis.sums import add_up_draws
from ovis_jax.evaluation.comparison import Comparison

_NEED_WRONG = frozenset(("HOTA", "DetA", "DetPr", "IDF1", "IDP"))
"""Numbers that fall with every track that shows no object, whatever level that would have had."""

_NAMES = (
    *("HOTA", "DetA", "AssA", "LocA", "DetRe", "DetPr", "AssRe", "AssPr", "OWTA"),
    *("IDF1", "IDP", "IDR"),
)
_COMPARED = _CURVED = ("HOTA", "DetA", "AssA", "IDF1")
_TITLE = "Detection and association: HOTA and IDF1"

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
    mean = _category_mean(list(categories.values()))
    best = max(curve, key=lambda score: curve[score]["HOTA"] or 0.0)
    return Section(
        name="association",
        title=_TITLE,
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
    once = np.ones((1, draws.shape[1]), np.int64)
    if not draws.size:
        return []
    values = np.concatenate([_compared(own, once) for own in systems.values()])
    samples = np.stack([_compared(own, draws) for own in systems.values()], axis=1)
    names = (*_COMPARED, *(f"HOTA_{group}" for group in OBJECT_GROUPS))
    tables, plots, numbers = comparison_parts(
        "association", "Association", list(systems), Comparison(names, values, samples)
    )
    return [Section("association", _TITLE, "", tables, plots, numbers)]


def _compared(videos: Sequence[AssociationSums], draws: np.ndarray) -> np.ndarray:
    """[B, names] on each draw."""
    numbers = association_numbers(add_up_draws(videos, draws))
    groups = [numbers["HOTA"][:, ROWS.index(group)] for group in OBJECT_GROUPS]
    return np.stack([numbers[name][:, 0] for name in _COMPARED] + groups, axis=1)


def _row_values(sums: AssociationSums) -> dict[str, dict[str, float | None]]:
    """Of each of ROWS name → number, None where it says nothing."""
    numbers, values = association_numbers(sums), {}
    for place, row in enumerate(ROWS):
        own = {name: _known(numbers[name][place]) for name in _NAMES}
        if row in LEVEL_ROWS:
            own |= dict.fromkeys(_NEED_WRONG)
        values[row] = {"frames": int(sums.identity.wanted[place])} | own
    return values


def _category_mean(categories: Sequence[Mapping[str, float | None]]) -> dict[str, float | None]:
    """Means over the categories with objects."""
    means = {}
    for name in _NAMES:
        known = [own[name] for own in categories if own[name] is not None]
        means[name] = math.fsum(known) / len(known) if known else None
    return means


def _rows_table(name: str, title: str, values: Mapping[str, Mapping]) -> Table:
    heads = [Column(""), Column("objects' frames"), *map(percent, _NAMES)]
    rows = [
        [ROW_LABELS[row], values[row]["frames"], *(values[row][name] for name in _NAMES)]
        for row in ROWS
    ]
    return Table(name, title, heads, rows)


def _categories_table(categories: Mapping[str, Mapping], mean: Mapping) -> Table:
    heads = [Column("category"), Column("objects' frames"), *map(percent, _NAMES)]
    rows = [[name, own["frames"], *(own[k] for k in _NAMES)] for name, own in categories.items()]
    rows.append(["mean over categories with objects", None, *(mean[k] for k in _NAMES)])
    return Table("association_of_categories", "By category", heads, rows)


def _scores_table(curve: Mapping[float, Mapping]) -> Table:
    heads = [Column("score at least", digits=1), *map(percent, _NAMES)]
    rows = [[score, *(own[name] for name in _NAMES)] for score, own in curve.items()]
    return Table("association_by_score", "With the surer tracks alone", heads, rows)


def _score_curves(curve: Mapping[float, Mapping]) -> Curves:
    lines = [Line(name, list(curve), [own[name] for own in curve.values()]) for name in _CURVED]
    return Curves(
        "With the surer tracks alone", Axis("score at least"), Axis("", "%", (0.0, 1.0)), lines
    )


def _known(value: float) -> float | None:
    return None if math.isnan(value) else float(value)
