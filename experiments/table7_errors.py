"""Which errors does occlusion cause? (paper, Table 7, equations 3 and 4)."""

from experiments.harness.differences import error_rates
from experiments.harness.experiment import Experiment, Paper
from experiments.harness.main import main
from experiments.harness.measures import metric
from experiments.rows import CMASKTRACK, MASKTRACK

EXPERIMENT = Experiment(
    name="table7_errors",
    title="Table 7: errors by occlusion level",
    question="How often are objects in frames misclassified, badly segmented, and confused with "
    "others, by how occluded they are there? (definitions: docs/analysis.md)",
    expected="All three errors grow with occlusion.",
    runs=(MASKTRACK, CMASKTRACK),
    measures=(metric("AP"), metric("AP_HO")),
    parts=(error_rates,),
    paper=Paper(note="its rates are not known here; which systems it asks is our choice."),
)

if __name__ == "__main__":
    main(EXPERIMENT)
