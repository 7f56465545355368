"""Does drawing masks in the other frame of a pair help, and does calibration? (paper, Table 2)."""

from experiments.harness.main import main
from experiments.harness.measures import AP_BY_OCCLUSION, linked
from experiments.harness.runs import Run

QUESTION = "CrossVIS beside MaskTrack R-CNN, on Occluded Shapes: crossover loss and calibration."
RUNS = [
    Run("masktrack", "quickstart_masktrack"),
    Run("crossvis", "quickstart_crossvis"),
    Run("crossvis without crossover", "quickstart_crossvis", {"model.crossover": False}),
    Run("ccrossvis", "quickstart_ccrossvis"),
]
MEASURES = (*AP_BY_OCCLUSION, linked("AP"), linked("AP_HO"))

if __name__ == "__main__":
    main(QUESTION, RUNS, MEASURES)
