"""Which classes are hard? (paper, Figure 8)."""

from experiments.harness.experiment import Experiment, Paper
from experiments.harness.figures import class_precision
from experiments.harness.main import main
from experiments.harness.measures import metric
from experiments.rows import CMASKTRACK, MASKTRACK

EXPERIMENT = Experiment(
    name="figure8_classes",
    title="Figure 8: AP of each class",
    question="Which classes are hard, and for which does calibration help?",
    expected="Classes differ more than systems.",
    runs=(CMASKTRACK, MASKTRACK),
    measures=(metric("AP"),),
    parts=(class_precision,),
    paper=Paper(note="its numbers, and which systems it shows, are not known here."),
)

if __name__ == "__main__":
    main(EXPERIMENT)
