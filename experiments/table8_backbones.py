"""How much do larger backbones bring? (paper, Table 8)."""

from experiments.harness.differences import differences
from experiments.harness.experiment import Experiment, Paper
from experiments.harness.main import main
from experiments.harness.means import bars_of_means, table_of_means
from experiments.harness.measures import AP_BY_OCCLUSION
from experiments.rows import CMASKTRACK, MASKTRACK, QUERYVIS, changed

RESNET101 = {"model.backbone.depth": 101}
LARGER = ("Swin-T", "ResNeXt-101")
SYSTEMS = (MASKTRACK, CMASKTRACK, QUERYVIS)

EXPERIMENT = Experiment(
    name="table8_backbones",
    title="Table 8: backbones",
    question="How much do larger backbones bring?",
    expected="Swin-T and ResNeXt-101 are above ResNet-50.",
    runs=(
        *SYSTEMS,
        *(
            changed(own, f"{own.label}, ResNet-101", RESNET101, f"{own.system}_resnet101")
            for own in SYSTEMS
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
        note="of QueryVIS, with 12 epochs on COCO and 12 on OVIS. Rows with ResNet-101 are ours; "
        "rows without a backbone have that of the configuration (quickstart: a narrow ResNet-18).",
    ),
    not_built=tuple(f"{own.label}, {name}" for own in SYSTEMS for name in LARGER),
)

if __name__ == "__main__":
    main(EXPERIMENT)
