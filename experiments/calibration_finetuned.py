"""Does calibration help a detector that is trained already? (paper, Table 2: they start from COCO).

A detector is trained without calibration; then it is trained further, once as it is and once with
calibration added, for equally many steps.
"""

from experiments.harness.main import main
from experiments.harness.measures import AP_BY_OCCLUSION, linked
from experiments.harness.runs import Run

QUESTION = "Training a MaskTrack R-CNN further, with and without calibration, on Occluded Shapes."
FURTHER = {
    "train.init_checkpoint": "{workdir}/detector-seed{seed}/checkpoints",
    "train.num_steps": 1000,
    "train.learning_rate": 0.004,
}
RUNS = [
    Run("detector", "quickstart_masktrack"),
    Run("masktrack", "quickstart_masktrack", FURTHER),
    Run("cmasktrack", "quickstart", FURTHER | {"train.fresh": "('calibration',)"}),
]
MEASURES = (*AP_BY_OCCLUSION, linked("AP"), linked("AP_HO"))

if __name__ == "__main__":
    main(QUESTION, RUNS, MEASURES)
