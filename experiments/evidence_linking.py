"""What would link better? Beyond the paper; detections are those of `evidence`, by its protocol.

    python -m experiments.evidence_linking --workdir DIR [--size small] [--conditions global ...]

In the folder of `evidence` nothing is trained again but the row with calibrated embeddings.
"""

from __future__ import annotations

from collections.abc import Sequence

from experiments.evidence import CORRELATION, DETECTOR, NONE, rows
from experiments.harness import conditions
from experiments.harness.evidence import CONDITIONS, SIZES, Condition, Size, evidence_dataset
from experiments.harness.experiment import Experiment
from experiments.harness.gains import error_gains, gains, only
from experiments.harness.means import table_of_means
from experiments.harness.measures import AP_BY_OCCLUSION, linked
from experiments.harness.over_seeds import differences_over_seeds, error_rates_over_seeds
from experiments.harness.runs import Run
from experiments.rows import again, changed, hidden

NAME = "evidence_linking"
QUESTION = "What links the same detections better than MaskTrack R-CNN's cues?"
EXPECTED = (
    "A memory of several embeddings survives a bad frame, masks tell apart what boxes do not, a "
    "second round keeps unsure detections without starting tracks, means of probabilities know "
    "more of a track's class than a vote. Ours to ask, not the paper's."
)
MEASURES = (*AP_BY_OCCLUSION, linked("AP"), linked("AP_HO"))
LENGTH, MASKS, SURE, CLASSES, LABELS = (
    f"model.tracker.{name}"
    for name in ("length", "mask_weight", "sure_score", "classes", "label_weight")
)
ONCE = {"model.box.nms_across_classes": True, LABELS: 0.0}
EVERY = ONCE | {CLASSES: "every"}
EVERY_ONCE = "objects detected once, labels do not link, every likely class"
LONGER = {
    "3 embeddings": {LENGTH: 3},
    "10 embeddings": {LENGTH: 10},
    "overlap of masks": {MASKS: 2.0},
    "two rounds": {SURE: 0.3},
    "3 embeddings, masks, two rounds": {LENGTH: 3, MASKS: 2.0, SURE: 0.3},
    "mean of classes": {CLASSES: "mean"},
    "every likely class": {CLASSES: "every"},
    "labels do not link": {LABELS: 0.0},
    "objects detected once, labels do not link": ONCE,
    "objects detected once, labels do not link, mean of classes": ONCE | {CLASSES: "mean"},
    EVERY_ONCE: EVERY,
}
LINKERS = (NONE, *LONGER, "IDOL's matcher", "IoUTracker+")
CALIBRATED = (EVERY_ONCE, f"{CORRELATION}, {EVERY_ONCE}")
EMBEDDINGS = (CORRELATION, f"{CORRELATION}, calibrated embeddings")


def linking_rows(size: Size) -> tuple[Run, ...]:
    """One detector linked in all ways; and calibration with embeddings that read its features."""
    known = {run.label: run for run in rows(size)}
    none, correlation = known[NONE], known[CORRELATION]
    return (
        hidden(known[DETECTOR]),
        none,
        *(again(none, label, own, "long_cues") for label, own in LONGER.items()),
        again(none, "IDOL's matcher", {}, "embeddings"),
        again(none, "IoUTracker+", {}, "ioutracker_plus"),
        correlation,
        again(correlation, CALIBRATED[1], EVERY, "calibrated_long_cues"),
        changed(correlation, EMBEDDINGS[1], {"model.track.calibrated": True}),
    )


def experiment(condition: Condition, size: Size) -> Experiment:
    """All that is asked of one condition of the data."""
    return Experiment(
        name=NAME,
        title=f"Linking and evidence: {condition.name.replace('_', ', ')}",
        question=QUESTION,
        expected=EXPECTED,
        runs=linking_rows(size),
        measures=MEASURES,
        parts=(
            table_of_means,
            only(differences_over_seeds(), LINKERS),
            only(error_rates_over_seeds, LINKERS),
            only(differences_over_seeds("embeddings", "Calibrated embeddings"), EMBEDDINGS),
            only(differences_over_seeds("calibration", "Calibration, linked so"), CALIBRATED),
        ),
        dataset=evidence_dataset(condition, size),
    )


ACROSS = Experiment(
    name=NAME,
    title="Linking and evidence",
    question=QUESTION,
    expected=EXPECTED,
    measures=MEASURES,
    parts=(table_of_means, gains, error_gains),
)
EXPERIMENT = experiment(CONDITIONS["global_degraded"], SIZES["small"])


def main(arguments: Sequence[str] | None = None) -> None:
    """Command line: all conditions one after the other, then what sets them apart."""
    conditions.main(experiment, ACROSS, LINKERS, arguments)


if __name__ == "__main__":
    main()
