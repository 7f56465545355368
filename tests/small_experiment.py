"""An experiment of two rows that takes no time, for tests of what surrounds experiments."""

import dataclasses

from experiments.harness.experiment import Experiment
from experiments.harness.means import table_of_means
from experiments.harness.measures import linked, metric
from experiments.harness.runs import EVALUATE, Run

PLAIN = Run("plain", "masktrack_rcnn", {"train.num_steps": 7})
AGAIN = Run("as it was", "masktrack_rcnn", start="plain", mode=EVALUATE)
QUESTION = Experiment(
    name="question",
    title="Table 0: a question",
    question="Is it so?",
    runs=(PLAIN, AGAIN),
    measures=(metric("AP"), linked("AP")),
    parts=(table_of_means,),
)


def with_runs(*runs, **more):
    """The same question with other rows."""
    return dataclasses.replace(QUESTION, runs=runs, **more)
