"""Does calibration help where one frame does not hold all that can be known?

    python -m experiments.evidence --workdir DIR [--size small] [--conditions global_degraded ...]

As in the paper, one detector is trained first; then all arms, with every seed, go on from it, for
equally many steps, with reference frames from nearby. This once for each condition of the data:
where the evidence for a class is, and whether frames are degraded. What came of a condition is in
DIR/CONDITION/evidence, gains by condition are in DIR/evidence.
"""

from __future__ import annotations

from collections.abc import Sequence

from experiments.figure10_reference_frames import X, width
from experiments.harness import conditions
from experiments.harness.calibration_diagnosis import calibration_diagnosis
from experiments.harness.class_evidence import class_evidence
from experiments.harness.evidence import (
    CONDITIONS,
    SIZES,
    Condition,
    Size,
    evidence_dataset,
)
from experiments.harness.experiment import Experiment, Paper
from experiments.harness.figures import curves
from experiments.harness.gains import error_gains, gains, only
from experiments.harness.known_classes import known_classes
from experiments.harness.means import bars_of_means, table_of_means
from experiments.harness.measures import AP_BY_OCCLUSION, linked, metric
from experiments.harness.over_seeds import differences_over_seeds, error_rates_over_seeds
from experiments.harness.runs import Run
from experiments.rows import again, changed

NAME = "evidence"
QUESTION = (
    "Does temporal feature calibration help where one frame does not hold all that can be known?"
)
EXPECTED = (
    "No gain with local evidence and clean frames; gains with global evidence or degraded frames, "
    "which rise with occlusion and with ε_test. Correlation is at least as good as difference, "
    "then no fusion; adding a frame that is not aligned harms."
)
NONE, QUERY, ADDITION = "none", "deformable convolution of the query", "addition"
DIFFERENCE, CORRELATION, DETECTOR = "difference", "correlation", "detector"
MOTION = "correlation, from its motion"  # beyond the paper
MEAN = "correlation, mean with copies"  # beyond the paper
UNSLOWED = "correlation, offsets not slowed"
ARMS = (NONE, QUERY, ADDITION, DIFFERENCE, CORRELATION, MOTION, MEAN, UNSLOWED)
SAMPLING = {arm: (arm, f"{arm}, whole video") for arm in (NONE, CORRELATION)}
COMPARE, WINDOW = "model.calibration.compare", "predict.reference_window"
PARAMETERS = {"train.fresh": "('calibration',)"}  # of the calibration, which the detector lacks
SHARPNESS = "model.calibration.motion_sharpness"
COPIES = {  # of the reference where unit features of patches resemble each other most
    SHARPNESS: 10.0,
    "model.calibration.kernel_size": 3,
    "model.calibration.unit_features": True,
    "model.calibration.fusion": "mean",
}
WHOLE_VIDEO = {"data.reference_sampling": "video"}
PAPER = Paper(
    order=(CORRELATION, DIFFERENCE, NONE, ADDITION),
    note="the order of Table 12; its numbers, and those of Figures 10 and 11, are not known here.",
)


def rows(size: Size) -> tuple[Run, ...]:
    """The detector, the arms, and what is asked further of some of them."""
    further = {"train.num_steps": size.steps, "train.learning_rate": size.learning_rate / 2}
    none = Run(NONE, "masktrack_rcnn", further, start=DETECTOR)
    fresh = {**further, **PARAMETERS, WINDOW: size.window}
    correlation = Run(CORRELATION, "cmasktrack_rcnn", fresh, start=DETECTOR)
    addition = {**further, COMPARE: ADDITION, WINDOW: size.window}
    detector = {"train.num_steps": size.detector_steps, "train.learning_rate": size.learning_rate}
    return (
        Run(DETECTOR, "masktrack_rcnn", detector, shared=True),
        none,
        changed(correlation, QUERY, {COMPARE: "query", WINDOW: 0}),
        Run(ADDITION, "cmasktrack_rcnn", addition, start=DETECTOR),
        changed(correlation, DIFFERENCE, {COMPARE: DIFFERENCE}),
        correlation,
        changed(correlation, MOTION, {SHARPNESS: 4.0}),
        changed(correlation, MEAN, COPIES),
        changed(correlation, UNSLOWED, {"train.slowed": "()"}),
        *(changed(own, SAMPLING[own.label][1], WHOLE_VIDEO) for own in (none, correlation)),
        *(again(correlation, label, {WINDOW: own}) for label, own in windows(size).items()),
    )


def windows(size: Size) -> dict[str, int]:
    """Labels of the rows of different windows."""
    return {f"{CORRELATION}, {own}": own for own in size.windows}


def experiment(condition: Condition, size: Size) -> Experiment:
    """All that is asked of one condition of the data."""
    by_window = [metric("AP"), *(metric(f"AP_{level}") for level in ("SO", "MO", "HO"))]
    return Experiment(
        name=NAME,
        title=f"Calibration and evidence: {condition.name.replace('_', ', ')}",
        question=QUESTION,
        expected=EXPECTED,
        runs=rows(size),
        measures=(*AP_BY_OCCLUSION, linked("AP"), linked("AP_HO")),
        parts=(
            table_of_means,
            only(known_classes, (DETECTOR, NONE)),
            only(bars_of_means, (*ARMS, DETECTOR)),
            only(differences_over_seeds(), ARMS),
            only(
                differences_over_seeds(
                    "class_agnostic", "AP regardless of classes", class_agnostic=True
                ),
                ARMS,
            ),
            only(error_rates_over_seeds, ARMS),
            only(curves("AP over ε_test", X, width, by_window), tuple(windows(size))),
            only(differences_over_seeds("windows", "AP over ε_test"), tuple(windows(size))),
            *(
                only(differences_over_seeds(f"sampling_{arm}", "Sampling of reference frames"), own)
                for arm, own in SAMPLING.items()
            ),
            only(class_evidence, (NONE, CORRELATION, MEAN)),
            only(calibration_diagnosis, (DIFFERENCE, CORRELATION, MOTION, MEAN, UNSLOWED)),
        ),
        paper=PAPER,
        dataset=evidence_dataset(condition, size),
    )


ACROSS = Experiment(
    name=NAME,
    title="Calibration and evidence",
    question=QUESTION,
    expected=EXPECTED,
    measures=(*AP_BY_OCCLUSION, linked("AP"), linked("AP_HO")),
    parts=(table_of_means, gains, error_gains),
)
EXPERIMENT = experiment(CONDITIONS["global_degraded"], SIZES["small"])


def main(arguments: Sequence[str] | None = None) -> None:
    """Command line: all conditions one after the other, then what sets them apart."""
    conditions.main(experiment, ACROSS, ARMS, arguments)


if __name__ == "__main__":
    main()
