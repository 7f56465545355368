"""What do the data hold, and how occluded are they? (paper, Table 1 and Figures 3 to 5)."""

from experiments.harness.data_statistics import dataset_statistics
from experiments.harness.experiment import Experiment, Paper
from experiments.harness.main import main

EXPERIMENT = Experiment(
    name="table1_datasets",
    title="Table 1 and Figures 3 to 5: data sets",
    question="What do the splits of the data set hold, and how occluded are they?",
    expected="Nothing is trained here. More objects a frame and a higher mBOR (mean box occlusion "
    "rate, equation 1) mean more occlusion.",
    parts=(dataset_statistics,),
    paper=Paper(
        rows={"OVIS, all splits": {"instances_per_video": 5.80, "objects_per_frame": 4.72}},
        note="5.80 instances a video and 4.72 objects a frame in OVIS, 2.10 and 1.95 in "
        "YouTube-VIS 2021; its other numbers are not known here.",
    ),
)

if __name__ == "__main__":
    main(EXPERIMENT)
