"""Does temporal feature calibration help one-stage detectors too? (paper, Table 3)."""

from experiments.harness.main import main
from experiments.harness.measures import AP_BY_OCCLUSION, linked
from experiments.harness.runs import Run

QUESTION = "Two detectors with and without temporal feature calibration, on Occluded Shapes."
RUNS = [
    Run("masktrack", "quickstart_masktrack"),
    Run("cmasktrack", "quickstart"),
    Run("sipmask", "quickstart_sipmask"),
    Run("csipmask", "quickstart_csipmask"),
]
MEASURES = (*AP_BY_OCCLUSION, linked("AP"), linked("AP_HO"))

if __name__ == "__main__":
    main(QUESTION, RUNS, MEASURES)
