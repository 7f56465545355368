"""What of SipMask should be calibrated, and averaged how? No text and no code settles it.

The first three runs share their weights and differ in what is averaged over the references; the
other two are trained as they predict.
"""

from experiments.harness.main import main
from experiments.harness.measures import AP_BY_OCCLUSION, linked
from experiments.harness.runs import Run

QUESTION = "CSipMask and its open choices, on Occluded Shapes."
TRAINED = {"train.init_checkpoint": "{workdir}/csipmask-seed{seed}/checkpoints"}
RUNS = [
    Run("csipmask", "quickstart_csipmask"),
    Run(
        "probabilities of classes",
        "quickstart_csipmask",
        TRAINED | {"model.references.average_scores": "probs"},
        mode="evaluate",
    ),
    Run(
        "logits of masks",
        "quickstart_csipmask",
        TRAINED | {"model.references.average_masks": "logits"},
        mode="evaluate",
    ),
    Run(
        "embeddings calibrated",
        "quickstart_csipmask",
        {"model.references.track_calibrated": True},
    ),
    Run(
        "basis not calibrated",
        "quickstart_csipmask",
        {"model.references.basis_calibrated": False},
    ),
]
MEASURES = (*AP_BY_OCCLUSION, linked("AP"))

if __name__ == "__main__":
    main(QUESTION, RUNS, MEASURES)
