"""What of SipMask should be calibrated, and averaged how? No text and no code settles it.

The first three rows share their weights and differ in what is averaged over the references; the
other two are trained as they predict.
"""

from experiments.harness.differences import differences
from experiments.harness.experiment import Experiment
from experiments.harness.main import main
from experiments.harness.means import bars_of_means, table_of_means
from experiments.harness.measures import AP_BY_OCCLUSION, linked
from experiments.harness.runs import Run
from experiments.rows import again, changed

CSIPMASK = Run("csipmask", "csipmask")

EXPERIMENT = Experiment(
    name="csipmask_choices",
    title="CSipMask and its open choices",
    question="What of SipMask should be calibrated, and averaged how? No text and no code settles "
    "it.",
    runs=(
        CSIPMASK,
        again(CSIPMASK, "probabilities of classes", {"model.references.average_scores": "probs"}),
        again(CSIPMASK, "logits of masks", {"model.references.average_masks": "logits"}),
        changed(CSIPMASK, "embeddings calibrated", {"model.references.track_calibrated": True}),
        changed(CSIPMASK, "basis not calibrated", {"model.references.basis_calibrated": False}),
    ),
    measures=(*AP_BY_OCCLUSION, linked("AP")),
    parts=(table_of_means, bars_of_means, differences),
)

if __name__ == "__main__":
    main(EXPERIMENT)
