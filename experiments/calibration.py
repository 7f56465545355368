"""Does temporal feature calibration help, and most where objects are occluded? (paper, Table 2)."""

from experiments.runner import Run, main

QUESTION = "MaskTrack R-CNN with and without temporal feature calibration, on Occluded Shapes."
RUNS = [
    Run("masktrack", "quickstart_masktrack"),
    Run("cmasktrack", "quickstart"),
]
COLUMNS = ("AP", "AP50", "AP75", "AP_SO", "AP_MO", "AP_HO", "AP, linked", "AP_HO, linked")

if __name__ == "__main__":
    main(QUESTION, RUNS, COLUMNS)
