"""What should offsets of the calibration be computed from? (paper, Table 12)."""

from experiments.harness.differences import differences
from experiments.harness.experiment import Experiment, Paper
from experiments.harness.main import main
from experiments.harness.means import bars_of_means, table_of_means
from experiments.harness.measures import AP_BY_OCCLUSION
from experiments.harness.runs import Run
from experiments.rows import changed

CALIBRATED = Run("correlation", "cmasktrack_rcnn")
COMPARE = "model.calibration.compare"
OF_ITSELF = {COMPARE: "query", "predict.reference_window": 0}

EXPERIMENT = Experiment(
    name="table12_calibration_choices",
    title="Table 12: what is fused, and how",
    question="Is it the calibration that helps, or deformable convolution, or any second frame? "
    "And what should its offsets be computed from?",
    expected="Correlation is best, then difference, then no fusion; adding a frame that is not "
    "aligned harms.",
    runs=(
        Run("none", "masktrack_rcnn"),
        changed(CALIBRATED, "deformable convolution of the query", OF_ITSELF),
        *(
            changed(CALIBRATED, name, {COMPARE: name}, f"cmasktrack_rcnn_{name}")
            for name in ("addition", "difference")
        ),
        CALIBRATED,
    ),
    measures=AP_BY_OCCLUSION,
    parts=(table_of_means, bars_of_means, differences),
    paper=Paper(
        order=("correlation", "difference", "none", "addition"),
        note="its numbers are not known here, its order is.",
    ),
)

if __name__ == "__main__":
    main(EXPERIMENT)
