"""Does drawing masks in the other frame of a pair help CrossVIS, and does calibration?"""

import dataclasses

from experiments.harness.differences import differences
from experiments.harness.experiment import Experiment
from experiments.harness.main import main
from experiments.harness.means import bars_of_means, table_of_means
from experiments.harness.measures import AP_BY_OCCLUSION, linked
from experiments.rows import CCROSSVIS, CROSSVIS, MASKTRACK, changed

# A step of it takes 1.4 times as long as one of MaskTrack R-CNN at the size of the quickstart.
EQUAL_TIME = dataclasses.replace(CROSSVIS, label="CrossVIS, MaskTrack R-CNN's time", length=0.72)
EXPERIMENT = Experiment(
    name="crossvis",
    title="CrossVIS: crossover loss and calibration",
    question="Does drawing masks in the other frame of a pair help CrossVIS, and does calibration?",
    expected="The paper of CrossVIS says that the crossover loss helps. CrossVIS with calibration "
    "(CCrossVIS) is ours.",
    runs=(
        CROSSVIS,
        changed(CROSSVIS, "CrossVIS without crossover", {"model.crossover": False}),
        CCROSSVIS,
        EQUAL_TIME,
        MASKTRACK,
    ),
    measures=(*AP_BY_OCCLUSION, linked("AP"), linked("AP_HO")),
    parts=(table_of_means, bars_of_means, differences),
)

if __name__ == "__main__":
    main(EXPERIMENT)
