import pytest

from experiments.harness.datasets import DATASETS
from experiments.harness.runs import Plan, Run


def settings(run, dataset, folder):
    (planned,) = Plan(DATASETS[dataset], None, {}, folder).runs([run], [0])
    return planned.settings


@pytest.mark.parametrize(
    "dataset, length",
    [("quickstart", "--config.train.num_steps=1080"), ("ovis", "--config.train.num_epochs=9")],
)
def test_a_run_can_be_shorter_than_its_configuration_says(tmp_path, dataset, length):
    assert length in settings(Run("shorter", "masktrack_rcnn", length=0.72), dataset, tmp_path)
    whole = settings(Run("whole", "masktrack_rcnn"), dataset, tmp_path)
    assert not any("train.num_" in each for each in whole)
