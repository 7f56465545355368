"""Which classes are taken for which? (paper, Figure 9)."""

from experiments.harness.experiment import Experiment, Paper
from experiments.harness.figures import confusion
from experiments.harness.main import main
from experiments.harness.measures import metric
from experiments.rows import CMASKTRACK

EXPERIMENT = Experiment(
    name="figure9_confusion",
    title="Figure 9: confusion of classes",
    question="Which classes are taken for which? (an object in a frame has the class of its "
    "closest mask; docs/analysis.md)",
    expected="Classes that look alike are confused.",
    runs=(CMASKTRACK,),
    measures=(metric("AP"),),
    parts=(confusion,),
    paper=Paper(note="its numbers, and which system it shows, are not known here."),
)

if __name__ == "__main__":
    main(EXPERIMENT)
