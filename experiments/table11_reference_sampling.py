"""From where should reference frames be drawn in training? (paper, Table 11)."""

from experiments.harness.differences import differences
from experiments.harness.experiment import Experiment, Paper
from experiments.harness.main import main
from experiments.harness.means import bars_of_means, table_of_means
from experiments.harness.measures import AP_BY_OCCLUSION
from experiments.rows import CMASKTRACK, MASKTRACK, QUERYVIS, SIPMASK, changed

SYSTEMS = (MASKTRACK, CMASKTRACK, SIPMASK, QUERYVIS)
WAYS = {"whole video": "video", "local": "window"}

EXPERIMENT = Experiment(
    name="table11_reference_sampling",
    title="Table 11: sampling of reference frames",
    question="Should the reference frame of a training pair be drawn from the whole video, or near "
    "the query frame (5 frames on either side)?",
    expected="Local sampling is better.",
    runs=tuple(
        changed(own, f"{own.label}, {name}", {"data.reference_sampling": way})
        for own in SYSTEMS
        for name, way in WAYS.items()
    ),
    measures=AP_BY_OCCLUSION,
    parts=(table_of_means, bars_of_means, differences),
    paper=Paper(
        rows={
            "QueryVIS, whole video": {"AP": 14.7, "AP50": 34.7, "AP75": 11.6},
            "QueryVIS, local": {"AP": 16.4, "AP50": 37.8, "AP75": 12.4},
        },
        note="of QueryVIS on the validation split of OVIS; the others are not known here.",
    ),
)

if __name__ == "__main__":
    main(EXPERIMENT)
