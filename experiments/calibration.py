"""Does temporal feature calibration help, and most where objects are occluded? (paper, Table 2)."""

from experiments.harness.main import main
from experiments.harness.measures import AP_BY_OCCLUSION, linked
from experiments.harness.runs import Run

QUESTION = "MaskTrack R-CNN with and without temporal feature calibration, on Occluded Shapes."
RUNS = [
    Run("masktrack", "quickstart_masktrack"),
    Run("cmasktrack", "quickstart"),
]
MEASURES = (*AP_BY_OCCLUSION, linked("AP"), linked("AP_HO"))

if __name__ == "__main__":
    main(QUESTION, RUNS, MEASURES)
