"""How much do larger backbones bring? (paper, Table 8)."""

from experiments.harness.differences import differences
from experiments.harness.experiment import Experiment, Paper
from experiments.harness.main import main
from experiments.harness.means import bars_of_means, table_of_means
from experiments.harness.measures import AP_BY_OCCLUSION
from experiments.rows import CMASKTRACK, MASKTRACK, QUERYVIS, changed

LARGER = {
    # label: (override, name of the published weights)
    "ResNet-101": ({"model.backbone.depth": 101}, "resnet101"),
    "ResNeXt": ({"model.backbone.name": "{resnext}"}, "resnext"),
    "Swin-T": ({"model.backbone.name": "swin_t"}, "swin_t"),
    "ConvNeXt-T": ({"model.backbone.name": "convnext_t"}, "convnext_t"),
}
SYSTEMS = (MASKTRACK, CMASKTRACK, QUERYVIS)

EXPERIMENT = Experiment(
    name="table8_backbones",
    title="Table 8: backbones",
    question="How much do larger backbones bring?",
    expected="Swin-T and ResNeXt-101 are above ResNet-50.",
    runs=(
        *SYSTEMS,
        *(
            changed(own, f"{own.label}, {label}", overrides, f"{own.system}_{weights}")
            for own in SYSTEMS
            for label, (overrides, weights) in LARGER.items()
        ),
    ),
    measures=AP_BY_OCCLUSION,
    parts=(table_of_means, bars_of_means, differences),
    paper=Paper(
        rows={
            "QueryVIS, 12 and 12 epochs": {"AP": 12.8},
            "QueryVIS, Swin-T": {"AP": 16.5},
            "QueryVIS, ResNeXt-101": {"AP": 16.9},
        },
        note="of QueryVIS, with 12 epochs on COCO and 12 on OVIS. Rows with ResNet-101 and "
        "ConvNeXt-T are ours; rows without a backbone have that of the configuration (quickstart: "
        "a narrow ResNet-18). ResNeXt is ResNeXt-101 64x4d (quickstart: ResNeXt-50 32x4d, as "
        "narrow as the others).",
    ),
)

if __name__ == "__main__":
    main(EXPERIMENT)
