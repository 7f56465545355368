"""Do still images, moved to look like video, help? (paper, section 4.3, Table 5)."""

from experiments.harness.differences import differences
from experiments.harness.experiment import Experiment, Paper
from experiments.harness.main import main
from experiments.harness.means import bars_of_means, table_of_means
from experiments.harness.measures import AP_BY_OCCLUSION
from experiments.rows import CMASKTRACK, MASKTRACK, STEM_SEG, changed

IMAGES = {"data.image_share": 0.35}
PASTED = IMAGES | {"data.pseudo_video.pasting.probability": 0.5}
SYSTEMS = (MASKTRACK, CMASKTRACK, STEM_SEG)

EXPERIMENT = Experiment(
    name="table5_image_data",
    title="Table 5: image data",
    question="Do clips made of still images help, when they are 35 of 100 training clips? And if "
    "objects of other images are pasted over theirs, in half of these clips?",
    expected="Images help. Pasting, which is ours, should help where objects are occluded.",
    runs=(
        *SYSTEMS,
        *(changed(own, f"{own.label}, images", IMAGES) for own in SYSTEMS),
        *(changed(own, f"{own.label}, images with pasted objects", PASTED) for own in SYSTEMS),
    ),
    measures=AP_BY_OCCLUSION,
    parts=(table_of_means, bars_of_means, differences),
    paper=Paper(
        rows={
            "STEm-Seg, images": {
                "AP": 15.2,
                "AP50": 34.7,
                "AP75": 12.5,
                "AP_SO": 25.5,
                "AP_MO": 17.4,
                "AP_HO": 4.1,
            },
            "STEm-Seg": {
                "AP": 13.8,
                "AP50": 32.1,
                "AP75": 11.9,
                "AP_SO": 22.2,
                "AP_MO": 16.1,
                "AP_HO": 3.9,
            },
        },
        note="of STEm-Seg on the validation split of OVIS with images of COCO; those of other "
        "systems are not known here.",
    ),
)

if __name__ == "__main__":
    main(EXPERIMENT)
