"""Do reference frames help most where objects are occluded? (paper, Figure 11)."""

from experiments.figure10_reference_frames import X, width, windows
from experiments.harness.experiment import Experiment, Paper
from experiments.harness.figures import curves
from experiments.harness.main import main
from experiments.harness.means import table_of_means
from experiments.harness.measures import AP_BY_OCCLUSION, metric
from experiments.rows import CMASKTRACK

GROUPS = [metric(name) for name in ("AP_SO", "AP_MO", "AP_HO")]

EXPERIMENT = Experiment(
    name="figure11_reference_frames_by_occlusion",
    title="Figure 11: AP by occlusion over the number of reference frames",
    question="Do reference frames help most where objects are occluded?",
    expected="If a neighbouring frame shows what is hidden in the query, AP_HO gains most.",
    runs=windows(CMASKTRACK),
    measures=AP_BY_OCCLUSION,
    parts=(table_of_means, curves("AP by occlusion over ε_test", X, width, GROUPS)),
    paper=Paper(
        note="that it is about ε_test is all that is known here; to part it by occlusion is ours."
    ),
)

if __name__ == "__main__":
    main(EXPERIMENT)
