"""Videos of one's own: which learning rate and how many steps suit a hundred labelled frames?"""

from experiments.harness.differences import differences
from experiments.harness.experiment import Experiment
from experiments.harness.main import main
from experiments.harness.means import bars_of_means, table_of_means
from experiments.harness.measures import metric
from experiments.harness.own_videos import OWN_VIDEOS
from experiments.rows import MASKTRACK, changed

RATE, STEPS = "train.learning_rate", "train.num_steps"
START = changed(MASKTRACK, "rate 0.004, 200 steps", {RATE: 0.004, STEPS: 200})

EXPERIMENT = Experiment(
    name="own_videos",
    title="Videos of one's own: learning rate and steps",
    question="Which learning rate and how many steps suit a hundred labelled frames?",
    expected="A hundred frames are soon learned by heart, so that many steps bring little.",
    runs=(
        START,
        changed(START, "rate 0.001, 200 steps", {RATE: 0.001}),
        changed(START, "rate 0.016, 200 steps", {RATE: 0.016}),
        changed(START, "rate 0.004, 400 steps", {STEPS: 400}),
    ),
    measures=tuple(map(metric, ("AP", "AP50", "AP75"))),
    parts=(table_of_means, bars_of_means, differences),
    dataset=OWN_VIDEOS,
)

if __name__ == "__main__":
    main(EXPERIMENT)
