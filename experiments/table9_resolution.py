"""Do larger frames help? (paper, Table 9)."""

from experiments.harness.differences import differences
from experiments.harness.experiment import Experiment, Paper
from experiments.harness.main import main
from experiments.harness.means import bars_of_means, table_of_means
from experiments.harness.measures import AP_BY_OCCLUSION
from experiments.rows import CMASKTRACK, MASKTRACK, changed

SYSTEMS = (MASKTRACK, CMASKTRACK)

EXPERIMENT = Experiment(
    name="table9_resolution",
    title="Table 9: frame size",
    question="Do larger frames help, in training and prediction?",
    expected="Larger frames help.",
    runs=tuple(
        changed(own, f"{own.label}, {size} frames", {"data.image_scale": f"{{{size}}}"})
        for own in SYSTEMS
        for size in ("smaller", "larger")
    ),
    measures=AP_BY_OCCLUSION,
    parts=(table_of_means, bars_of_means, differences),
    paper=Paper(
        note="compares 640x360 (smaller) with 1280x720 (larger); its numbers are not known here. "
        "Generated frames hold no more than 320x192, so the quickstart compares with 160x96."
    ),
)

if __name__ == "__main__":
    main(EXPERIMENT)
