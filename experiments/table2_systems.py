"""How good are the systems, in all and by occlusion? (paper, Table 2)."""

import dataclasses

from experiments.harness.differences import differences
from experiments.harness.experiment import Experiment, Findings, Outcome, Paper
from experiments.harness.main import main
from experiments.harness.means import bars_of_means, table_of_means
from experiments.harness.measures import AP_AND_AR
from experiments.harness.runs import Run
from experiments.rows import (
    CCROSSVIS,
    CMASKTRACK,
    CROSSVIS,
    CSIPMASK,
    IDOL,
    IDOL_BY_CUES,
    IOUTRACKER,
    MASKTRACK,
    QUERYVIS,
    SIPMASK,
    STEM_SEG,
    STMASK,
    TRADES,
)

BEYOND = ("CCrossVIS", "IDOL", "IDOL, MaskTrack's matcher", "VidEoMT")
NAMES = tuple(own.name for own in AP_AND_AR)


def _row(*numbers: float) -> dict[str, float]:
    return dict(zip(NAMES, numbers, strict=True))


def tables_of_means(outcome: Outcome) -> Findings:
    """The table of the paper's systems, and one of those that the paper does not have."""
    rows = outcome.rows
    own = {label: runs for label, runs in rows.items() if label not in BEYOND}
    other = {label: runs for label, runs in rows.items() if label in BEYOND}
    found = table_of_means(dataclasses.replace(outcome, rows=own))
    if not other:
        return found
    experiment = dataclasses.replace(
        outcome.experiment, title="Table 2, beyond the paper", paper=Paper()
    )
    more = table_of_means(dataclasses.replace(outcome, rows=other, experiment=experiment))
    named = [dataclasses.replace(table, name="beyond_the_paper") for table in more.tables]
    return Findings(
        tables=[*found.tables, *named],
        lines=found.lines,
        values={"runs": {**found.values["runs"], **more.values["runs"]}},
    )


EXPERIMENT = Experiment(
    name="table2_systems",
    title="Table 2: systems",
    question="How good are the systems, in all and by occlusion?",
    expected="The two calibrated systems (CMaskTrack R-CNN, CSipMask) are above the detectors that "
    "they stand on, and AP falls from slight to heavy occlusion in every system.",
    runs=(
        MASKTRACK,
        Run("FEELVOS", "feelvos"),
        IOUTRACKER,
        SIPMASK,
        STEM_SEG,
        STMASK,
        TRADES,
        CROSSVIS,
        CCROSSVIS,
        QUERYVIS,
        CMASKTRACK,
        CSIPMASK,
        IDOL,
        IDOL_BY_CUES,
        Run("VidEoMT", "videomt"),
    ),
    measures=AP_AND_AR,
    parts=(tables_of_means, bars_of_means, differences),
    paper=Paper(
        rows={
            "FEELVOS": _row(9.6, 22.0, 7.3, 7.4, 14.8, 17.3, 11.5, 1.7),
            "IoUTracker+": _row(7.0, 16.9, 5.3, 5.7, 14.3, 11.5, 7.9, 1.8),
            "MaskTrack R-CNN": {"AP": 10.8},
            "SipMask": {"AP": 10.2},
            "STEm-Seg": _row(13.8, 32.1, 11.9, 9.1, 20.0, 22.2, 16.1, 3.9),
            "STMask": _row(15.4, 33.8, 12.5, 8.9, 21.3, 24.0, 18.7, 5.1),
            "TraDeS": _row(11.4, 26.5, 9.4, 7.0, 13.8, 23.0, 12.8, 3.0),
            "CrossVIS": _row(14.9, 32.7, 12.1, 10.3, 19.8, 28.4, 16.9, 4.1),
            "QueryVIS": _row(14.7, 34.7, 11.6, 9.0, 21.2, 27.3, 17.2, 4.1),
            "CMaskTrack R-CNN": {"AP": 15.4},
            "CSipMask": {"AP": 14.3},
        },
        note="validation split of OVIS, scored by its server; systems start from detectors trained "
        "on COCO, CrossVIS also from YouTube-VIS. Seeds differ by about 0.5 AP. IDOL and VidEoMT "
        "are later than the paper; CCrossVIS (CrossVIS with calibration) is ours.",
    ),
)

if __name__ == "__main__":
    main(EXPERIMENT)
