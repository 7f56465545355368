"""Do methods for occlusion in still images help? (paper, Table 10)."""

from experiments.harness.differences import differences
from experiments.harness.experiment import Experiment, Paper
from experiments.harness.main import main
from experiments.harness.means import bars_of_means, table_of_means
from experiments.harness.measures import AP_BY_OCCLUSION
from experiments.rows import CMASKTRACK, changed

OCCLUDER = "cmasktrack_rcnn_occluder"  # weights: the branch has parameters

EXPERIMENT = Experiment(
    name="table10_occlusion_methods",
    title="Table 10: methods for occlusion",
    question="Do losses and branches that were made for occlusion in still images help "
    "CMaskTrack R-CNN?",
    expected="unknown: the paper's numbers are not known here.",
    runs=(
        CMASKTRACK,
        changed(CMASKTRACK, "repulsion loss", {"model.occlusion.repulsion": 0.5}),
        changed(CMASKTRACK, "compact loss", {"model.occlusion.aggregation": 1.0}),
        changed(CMASKTRACK, "occluder branch", {"model.occlusion.occluder": True}, OCCLUDER),
    ),
    measures=AP_BY_OCCLUSION,
    parts=(table_of_means, bars_of_means, differences),
    paper=Paper(note="asks repulsion loss, compact (aggregation) loss and an occluder branch."),
)

if __name__ == "__main__":
    main(EXPERIMENT)
