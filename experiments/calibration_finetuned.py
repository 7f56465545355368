"""Does calibration help a detector that is trained already? (paper, Table 2: they start from COCO).

A detector is trained without calibration; then it is trained further, once as it is and once with
calibration added, for equally many steps.
"""

from experiments.harness.differences import differences
from experiments.harness.experiment import Experiment
from experiments.harness.main import main
from experiments.harness.means import bars_of_means, table_of_means
from experiments.harness.measures import AP_BY_OCCLUSION, linked
from experiments.harness.runs import Run

FURTHER = {"train.num_steps": 1000, "train.learning_rate": 0.004}
WITH_CALIBRATION = FURTHER | {"train.fresh": "('calibration',)"}

EXPERIMENT = Experiment(
    name="calibration_finetuned",
    title="Calibration added to a trained detector",
    question="Does calibration help a MaskTrack R-CNN that is trained already? Both go on from the "
    "same weights, for equally many steps.",
    runs=(
        Run("detector", "masktrack_rcnn"),
        Run("masktrack", "masktrack_rcnn", FURTHER, start="detector"),
        Run("cmasktrack", "cmasktrack_rcnn", WITH_CALIBRATION, start="detector"),
    ),
    measures=(*AP_BY_OCCLUSION, linked("AP"), linked("AP_HO")),
    parts=(table_of_means, bars_of_means, differences),
)

if __name__ == "__main__":
    main(EXPERIMENT)
