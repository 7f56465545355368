"""Does a detector gain from learning how much of an object is hidden? (section 5 of the paper)."""

from experiments.harness.differences import differences
from experiments.harness.experiment import Experiment
from experiments.harness.gains import only
from experiments.harness.level_accuracy import level_accuracy
from experiments.harness.main import main
from experiments.harness.means import bars_of_means, table_of_means
from experiments.harness.measures import AP_BY_OCCLUSION
from experiments.rows import CMASKTRACK, again, changed

LEVELS = "cmasktrack_rcnn_levels"  # weights: the head has parameters
LEARNED = changed(CMASKTRACK, "levels learned", {"model.occlusion.level_loss": 1.0}, LEVELS)
SCORES, REFERENCES = "model.occlusion.level_scores", "model.occlusion.level_references"

EXPERIMENT = Experiment(
    name="occlusion_levels",
    title="Learning from occlusion levels",
    question="Does a detector tell how much of an object is hidden, and does it help to learn it, "
    "and to weigh scores or reference frames by it?",
    expected="unknown: the paper asks for it in its outlook.",
    runs=(
        CMASKTRACK,
        LEARNED,
        again(LEARNED, "scores of hidden objects less", {SCORES: "(1.0, 0.75, 0.5)"}),
        again(LEARNED, "scores of hidden objects more", {SCORES: "(1.0, 1.25, 1.5)"}),
        again(LEARNED, "hidden references less", {REFERENCES: 2.0}),
    ),
    measures=AP_BY_OCCLUSION,
    parts=(
        table_of_means,
        bars_of_means,
        differences,
        only(level_accuracy, (LEARNED.label,)),
    ),
)

if __name__ == "__main__":
    main(EXPERIMENT)
