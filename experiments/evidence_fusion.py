"""Where would frames have to be fused? The detectors are those of `evidence`, by its protocol.

    python -m experiments.evidence_fusion --workdir DIR [--size small] [--conditions global ...]

In the folder of `evidence` no detector is trained again, only its box head, for minutes.
"""

from __future__ import annotations

from collections.abc import Sequence

from experiments.evidence import DETECTOR, NONE, rows
from experiments.harness import conditions
from experiments.harness.evidence import CONDITIONS, SIZES, Condition, Size, evidence_dataset
from experiments.harness.experiment import Experiment
from experiments.harness.fusion_levels import fusion_levels
from experiments.harness.known_classes import known_classes
from experiments.harness.means import table_of_means
from experiments.harness.measures import AP_BY_OCCLUSION
from experiments.rows import hidden

NAME = "evidence_fusion"
QUESTION = (
    "If reference frames were aligned without errors: does it matter for classes whether feature "
    "maps, RoI features or decisions are fused, and does it reach the class of a track?"
)
EXPECTED = "Fused feature maps tell what fused decisions do, and tracks gain as their frames do."


def experiment(condition: Condition, size: Size) -> Experiment:
    """All that is asked of one condition of the data."""
    known = {run.label: run for run in rows(size)}
    return Experiment(
        name=NAME,
        title=f"Fusion and evidence: {condition.name.replace('_', ', ')}",
        question=QUESTION,
        expected=EXPECTED,
        runs=(hidden(known[DETECTOR]), known[NONE]),
        measures=AP_BY_OCCLUSION,
        parts=(table_of_means, known_classes, fusion_levels),
        dataset=evidence_dataset(condition, size),
    )


ACROSS = Experiment(
    name=NAME,
    title="Fusion and evidence",
    question=QUESTION,
    expected=EXPECTED,
    measures=AP_BY_OCCLUSION,
    parts=(table_of_means,),
)
EXPERIMENT = experiment(CONDITIONS["global_degraded"], SIZES["small"])


def main(arguments: Sequence[str] | None = None) -> None:
    """Command line: all conditions one after the other."""
    conditions.main(experiment, ACROSS, (NONE,), arguments)


if __name__ == "__main__":
    main()
