"""Does temporal feature calibration help one-stage detectors too? (paper, Table 3)."""

from experiments.runner import Run, main

QUESTION = "Two detectors with and without temporal feature calibration, on Occluded Shapes."
RUNS = [
    Run("masktrack", "quickstart_masktrack"),
    Run("cmasktrack", "quickstart"),
    Run("sipmask", "quickstart_sipmask"),
    Run("csipmask", "quickstart_csipmask"),
]
COLUMNS = ("AP", "AP50", "AP75", "AP_SO", "AP_MO", "AP_HO", "AP, linked", "AP_HO, linked")

if __name__ == "__main__":
    main(QUESTION, RUNS, COLUMNS)
