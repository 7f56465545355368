"""Does temporal feature calibration help, and most where objects are occluded? (paper, Table 2)."""

from experiments.harness.differences import differences
from experiments.harness.experiment import Experiment
from experiments.harness.main import main
from experiments.harness.means import bars_of_means, table_of_means
from experiments.harness.measures import AP_BY_OCCLUSION, linked
from experiments.harness.runs import Run

EXPERIMENT = Experiment(
    name="calibration",
    title="MaskTrack R-CNN with and without calibration",
    question="Does temporal feature calibration help MaskTrack R-CNN?",
    runs=(Run("masktrack", "masktrack_rcnn"), Run("cmasktrack", "cmasktrack_rcnn")),
    measures=(*AP_BY_OCCLUSION, linked("AP"), linked("AP_HO")),
    parts=(table_of_means, bars_of_means, differences),
)

if __name__ == "__main__":
    main(EXPERIMENT)
