"""What of SipMask should be calibrated, and averaged how? No text and no code settles it.

The first three runs share their weights and differ in what is averaged over the references; the
other two are trained as they predict.
"""

from experiments.runner import Run, main

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
COLUMNS = ("AP", "AP50", "AP75", "AP_SO", "AP_MO", "AP_HO", "AP, linked")

if __name__ == "__main__":
    main(QUESTION, RUNS, COLUMNS)
