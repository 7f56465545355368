"""How often objects are misclassified, badly segmented and confused, by how occluded they are."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from ovis_jax.analysis.bootstrap import ratio_comparison
from ovis_jax.analysis.frame_errors import NUM_LEVELS, RATES, Choice, count_choices
from ovis_jax.analysis.scenes import Scene
from ovis_jax.analysis.sections import Axis, Bars, Column, Section, Table, percent
from ovis_jax.formats.annotation_records import OCCLUSION_LEVELS
from ovis_jax.formats.annotations import Annotations

COLUMNS = ("no", "slight", "severe", "all")
_WORDS = {
    "classification": "Classification",
    "segmentation": "Segmentation",
    "id_switch": "Identity switch",
}

DEFAULT = Choice("as defined")
CHOICES = (
    DEFAULT,
    Choice("a mask stands for one object at most", one_to_one=True),
    Choice("of equally close masks, the most favourable counts", keep_ties=True),
    Choice("tracks with scores below 0.1 left out", min_score=0.1),
    Choice("tracks with scores below 0.5 left out", min_score=0.5),
    Choice("class judged from an IoU above 0.1", ("classification",), classified_from=0.1),
    Choice("objects that no mask sees count as wrongly segmented", ("segmentation",), unseen=True),
    Choice("tracked from an IoU above 0.1", ("id_switch",), tracked_from=0.1),
    Choice(
        "a switch belongs to the highest level since the predecessor",
        ("id_switch",),
        worst_since=True,
    ),
)
_UNLABELLED = "frames without a label left out of all"

TEXT = """\
One object in one frame is the unit. Its closest predicted mask is the one with the highest IoU in
the frame, whatever its class; of equally close ones that of the surest track.

- classification: of the objects whose closest mask has an IoU above 0.5, the share for which that
  mask has another class
- segmentation: of the objects whose closest mask has an IoU above 0.1, the share for which it is
  not above 0.5
- identity switch: an object is tracked in a frame if its closest mask has an IoU above 0.5; of the
  tracked objects that were tracked before, the share whose latest tracked predecessor (the same
  object in the latest such frame) belongs to another track

Levels are the labels of the frame. Objects without a label in the frame count in "all" only;
crowds do not count. The tables of choices show the same rates where one point is read differently.
"""


class OcclusionErrors:
    """Table 7 of the OVIS paper; see `Analysis`."""

    def __init__(self, annotations: Annotations):
        """Has seen no video yet."""
        self._counts: list[np.ndarray] = []  # of videos: [choices, rates, levels, 2]

    def add(self, scene: Scene) -> None:
        """Counts the errors of a video."""
        self._counts.append(count_choices(scene, CHOICES))

    def by_video(self) -> np.ndarray:
        """[V, rates, columns, 2] int, errors as defined and what they are counted among."""
        counts = [own[0] for own in self._counts]
        return _columns(np.array(counts, np.int64).reshape(-1, len(RATES), NUM_LEVELS, 2))

    def sections(self) -> list[Section]:
        """Rates, counts, and rates with other choices."""
        levels = sum(self._counts, np.zeros((len(CHOICES), len(RATES), NUM_LEVELS, 2), np.int64))
        counts = _columns(levels)
        rates = _rates(counts)
        labelled = _rates(levels[0, :, : len(OCCLUSION_LEVELS)].sum(axis=1))
        names = [_WORDS[rate] for rate in RATES]
        heads = [Column("error"), *map(percent, COLUMNS)]
        tables = [
            Table(
                "error_rates",
                "Error rates by occlusion level",
                heads,
                [[name, *own] for name, own in zip(names, rates[0], strict=True)],
            ),
            _count_table(names, counts[0], levels[0]),
            *(_choice_table(k, rates, labelled[k]) for k in range(len(RATES))),
        ]
        plot = Bars(
            "Error rates by occlusion level",
            Axis("error rate", "%"),
            names,
            {level: [own[k] for own in rates[0]] for k, level in enumerate(COLUMNS)},
        )
        return [
            Section(
                "error_rates",
                "Errors by occlusion level",
                TEXT,
                tables,
                [plot],
                _values(rates, counts),
            )
        ]

    @classmethod
    def comparison(cls, systems: Mapping[str, OcclusionErrors], draws: np.ndarray) -> list[Section]:
        """The rates of all systems, with intervals."""
        counts = [system.by_video() for system in systems.values()]
        flat = np.stack([own.reshape(len(own), len(RATES) * len(COLUMNS), 2) for own in counts])
        names = [f"{_WORDS[rate]}, {level}" for rate in RATES for level in COLUMNS]
        return [
            Section(
                "error_rates",
                "Errors by occlusion level",
                "Rates as defined in the sections of the systems; lower is better.",
                *ratio_comparison("error_rates", "Error rates", names, list(systems), flat, draws),
            )
        ]


def _columns(counts: np.ndarray) -> np.ndarray:
    """[..., columns, 2] from [..., levels, 2]: the levels with labels, and all frames."""
    labelled = counts[..., : len(OCCLUSION_LEVELS), :]
    return np.concatenate([labelled, counts.sum(axis=-2, keepdims=True)], axis=-2)


def _rates(counts: np.ndarray) -> list:
    """Nested lists of shares from [..., 2]; None without anything to count among."""
    if counts.ndim > 1:
        return [_rates(own) for own in counts]
    errors, total = counts.tolist()
    return errors / total if total else None


def _count_table(names: list[str], counts: np.ndarray, levels: np.ndarray) -> Table:
    unlabelled = levels[:, -1, 1].tolist()
    heads = [Column("error")]
    heads += [Column(f"{level}, {what}") for level in COLUMNS for what in ("errors", "of")]
    rows = [
        [name, *own.ravel().tolist(), missing]
        for name, own, missing in zip(names, counts, unlabelled, strict=True)
    ]
    note = "Objects in frames; those without a label are within all."
    return Table("error_counts", "Counts", [*heads, Column("without label")], rows, note)


def _choice_table(k: int, rates: list, labelled: float | None) -> Table:
    """One rate under all choices that have to do with it."""
    rate = RATES[k]
    rows = [
        [choice.text, *own[k]]
        for choice, own in zip(CHOICES, rates, strict=True)
        if not choice.concerns or rate in choice.concerns
    ]
    rows.append([_UNLABELLED, *rates[0][k][:-1], labelled])
    heads = [Column("choice"), *map(percent, COLUMNS)]
    return Table(f"{rate}_choices", f"{_WORDS[rate]}: other choices", heads, rows)


def _values(rates: list, counts: np.ndarray) -> dict:
    def of(choice: int) -> dict:
        return {
            rate: {
                level: {
                    "rate": rates[choice][k][c],
                    "errors": int(counts[choice, k, c, 0]),
                    "of": int(counts[choice, k, c, 1]),
                }
                for c, level in enumerate(COLUMNS)
            }
            for k, rate in enumerate(RATES)
        }

    others = {choice.text: of(n) for n, choice in enumerate(CHOICES) if n}
    return of(0) | {"choices": others}
