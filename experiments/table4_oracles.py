"""Is it the detections, or what links them? (paper, Table 4)."""

from experiments.harness.differences import differences
from experiments.harness.experiment import Experiment, Paper
from experiments.harness.main import main
from experiments.harness.means import bars_of_means, table_of_means
from experiments.harness.measures import AP_BY_OCCLUSION, linked
from experiments.rows import CMASKTRACK, MASKTRACK, again

SYSTEMS = (MASKTRACK, CMASKTRACK)

EXPERIMENT = Experiment(
    name="table4_oracles",
    title="Table 4: image and identity oracles",
    question="What would perfect detections bring (image oracle: annotated boxes, masks and "
    "classes, linked by the system), and what perfect linking (identity oracle: predicted masks, "
    "linked by the true identities; the columns named linked)?",
    expected="The larger gain shows where a system loses most.",
    runs=(
        *SYSTEMS,
        *(again(own, f"{own.label}, image oracle", {"predict.oracle": "image"}) for own in SYSTEMS),
    ),
    measures=(*AP_BY_OCCLUSION, linked("AP"), linked("AP_HO")),
    parts=(table_of_means, bars_of_means, differences),
    paper=Paper(note="its numbers are not known here; which systems it asks is our choice."),
)

if __name__ == "__main__":
    main(EXPERIMENT)
