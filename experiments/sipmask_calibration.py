"""Does temporal feature calibration help one-stage detectors too? (paper, Table 3)."""

from experiments.harness.differences import differences
from experiments.harness.experiment import Experiment
from experiments.harness.main import main
from experiments.harness.means import bars_of_means, table_of_means
from experiments.harness.measures import AP_BY_OCCLUSION, linked
from experiments.harness.runs import Run

EXPERIMENT = Experiment(
    name="sipmask_calibration",
    title="Two detectors with and without calibration",
    question="Does temporal feature calibration help one-stage detectors, too?",
    runs=(
        Run("masktrack", "masktrack_rcnn"),
        Run("cmasktrack", "cmasktrack_rcnn"),
        Run("sipmask", "sipmask"),
        Run("csipmask", "csipmask"),
    ),
    measures=(*AP_BY_OCCLUSION, linked("AP"), linked("AP_HO")),
    parts=(table_of_means, bars_of_means, differences),
)

if __name__ == "__main__":
    main(EXPERIMENT)
