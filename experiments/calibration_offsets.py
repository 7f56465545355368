"""Do the offsets of calibration follow the motion of objects, and could they?"""

from experiments.harness.calibration_diagnosis import calibration_diagnosis
from experiments.harness.experiment import Experiment
from experiments.harness.main import main
from experiments.harness.means import table_of_means
from experiments.harness.measures import AP_BY_OCCLUSION
from experiments.rows import CMASKTRACK

EXPERIMENT = Experiment(
    name="calibration_offsets",
    title="Offsets of calibration and motion of objects",
    question="Do the offsets of calibration follow the motion of objects, and does the correlation "
    "that they are computed from know it?",
    expected="Calibration aligns the reference frame with the query frame: its offsets follow.",
    runs=(CMASKTRACK,),
    measures=AP_BY_OCCLUSION,
    parts=(table_of_means, calibration_diagnosis),
)

if __name__ == "__main__":
    main(EXPERIMENT)
