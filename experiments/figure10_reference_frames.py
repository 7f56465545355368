"""How many reference frames should be looked at in prediction? (paper, Figure 10)."""

from experiments.harness.differences import differences
from experiments.harness.experiment import Experiment, Paper
from experiments.harness.figures import curves
from experiments.harness.main import main
from experiments.harness.means import table_of_means
from experiments.harness.measures import AP_BY_OCCLUSION, metric
from experiments.rows import CMASKTRACK, CSIPMASK, again, hidden
from ovis_jax.analysis.sections import Axis

WINDOWS = range(6)
X = Axis("ε_test, frames on either side")


def windows(*systems):
    """The systems, each trained once, and a row for each width of the window."""
    rows = [
        again(own, f"{own.label}, {width}", {"predict.reference_window": width})
        for own in systems
        for width in WINDOWS
    ]
    return (*map(hidden, systems), *rows)


def width(run):
    """How many frames on either side a finished run looked at."""
    return run.config["predict"]["reference_window"]


EXPERIMENT = Experiment(
    name="figure10_reference_frames",
    title="Figure 10: AP over the number of reference frames",
    question="How many reference frames on either side (ε_test) should be calibrated and averaged "
    "in prediction? At 0, a frame is its own reference.",
    expected="AP rises with ε_test, where calibration helps.",
    runs=windows(CMASKTRACK, CSIPMASK),
    measures=AP_BY_OCCLUSION,
    parts=(table_of_means, curves("AP over ε_test", X, width, [metric("AP")]), differences),
    paper=Paper(note="goes from 0 to 5; its numbers are not known here."),
)

if __name__ == "__main__":
    main(EXPERIMENT)
