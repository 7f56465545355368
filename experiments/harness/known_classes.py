"""Does a detector know the classes? If not, what is trained from it says nothing about them."""

from __future__ import annotations

import numpy as np

from experiments.harness.experiment import Findings, Outcome
from ovis_jax.analysis.frame_errors import FOUND
from ovis_jax.analysis.sections import Column, Table

ENOUGH = 0.5  # agreement with the true classes beyond chance
_NOTE = (
    f"Objects in frames with a mask of an IoU above {FOUND}, of all seeds; the class is that of "
    "the surest one, whereas errors by occlusion go by the closest one, of any score. At random: "
    "if the classes were named as often, regardless of the object. Agreement: 100 % if none is "
    "taken for another class, 0 if as many as at random (Cohen's kappa)."
)


def known_classes(outcome: Outcome) -> Findings:
    """How many of the found objects are taken for another class, beside how many at random."""
    rows, lines, values = [], [], {}
    for label, runs in outcome.rows.items():
        counts = sum(run.surest_classes for run in runs)
        found = int(counts.sum())
        wrong, by_chance, agreement = agreement_with_classes(counts)
        rows.append([label, found, wrong, by_chance, agreement])
        values[label] = {"wrong": wrong, "at random": by_chance, "agreement": agreement}
        if agreement is None:
            lines.append(f"{label}: nothing that it finds tells whether it knows the classes.")
            continue
        line = (
            f"{label}: of the objects in frames that it finds it takes {100 * wrong:.1f} % for "
            f"another class; at random it would be {100 * by_chance:.1f} %."
        )
        if agreement < ENOUGH:
            line += " So it hardly knows the classes; AP regardless of classes says more."
        lines.append(line)
    columns = [
        Column(""),
        Column("found"),
        Column("of another class", "%", 1),
        Column("at random", "%", 1),
        Column("agreement", "%", 1),
    ]
    table = Table("known_classes", "Classes of the objects that are found", columns, rows, _NOTE)
    return Findings([table], lines=lines, values={"known_classes": values})


def agreement_with_classes(counts: np.ndarray) -> tuple[float | None, float | None, float | None]:
    """Share of another class, that at random, and Cohen's kappa, of counts [K, K] true by named.

    None where nothing is found, or, of the last, where all is of one class.
    """
    total = counts.sum()
    if not total:
        return None, None, None
    wrong = float(1 - np.trace(counts) / total)
    by_chance = float(1 - counts.sum(axis=1) @ counts.sum(axis=0) / total**2)
    return wrong, by_chance, 1 - wrong / by_chance if by_chance else None
