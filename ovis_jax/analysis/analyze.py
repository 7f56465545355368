"""Ground truth and results → the sections of a report: the story of an analysis."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

from ovis_jax.analysis.analysis import Analysis
from ovis_jax.analysis.association import Association
from ovis_jax.analysis.class_precision import ClassPrecision
from ovis_jax.analysis.confusion import Confusion
from ovis_jax.analysis.error_costs import ErrorCosts
from ovis_jax.analysis.identity_oracle import IdentityOracle
from ovis_jax.analysis.identity_switches import IdentitySwitches
from ovis_jax.analysis.missed_objects import MissedObjects
from ovis_jax.analysis.occlusion_errors import OcclusionErrors
from ovis_jax.analysis.occlusion_survival import OcclusionSurvival
from ovis_jax.analysis.scenes import scenes
from ovis_jax.analysis.sections import Section
from ovis_jax.analysis.trait_groups import TraitGroups
from ovis_jax.evaluation.comparison import video_draws
from ovis_jax.formats.annotations import Annotations
from ovis_jax.formats.results import TrackResult

ANALYSES: tuple[type[Analysis], ...] = (
    ClassPrecision,
    OcclusionErrors,
    ErrorCosts,
    IdentityOracle,
    Confusion,
    Association,
    IdentitySwitches,
    OcclusionSurvival,
    TraitGroups,
    MissedObjects,
)
"""In the order of the report."""


@dataclasses.dataclass(frozen=True)
class SystemReport:
    """What was found about one system, or about several beside each other; `label` names it."""

    label: str
    sections: Sequence[Section]


def analyze(
    annotations: Annotations, tracks: Sequence[TrackResult], *, progress: str | None = None
) -> list[Analysis]:
    """Shows every video to all analyses.

    Args:
      annotations: with ground truth.
      tracks: of one system, as `load_results` gives them.
      progress: what the progress bar says; None for no bar.

    Raises:
      InputError: there is no ground truth.
    """
    annotations.check_ground_truth("to analyse results with")
    analyses = [analysis(annotations) for analysis in ANALYSES]
    for scene in scenes(annotations, tracks, progress=progress):
        for analysis in analyses:
            analysis.add(scene)
    return analyses


def report_system(label: str, analyses: Sequence[Analysis]) -> SystemReport:
    """What the analyses say of one system."""
    return SystemReport(label, [section for own in analyses for section in own.sections()])


def compare_systems(
    labels: Sequence[str],
    systems: Sequence[Sequence[Analysis]],
    num_videos: int,
    num_samples: int,
    seed: int = 0,
) -> SystemReport:
    """What the analyses say of several systems beside each other.

    Args:
      labels: S different names.
      systems: for each what `analyze` gave with the same annotations.
      num_videos: of the annotations.
      num_samples: draws of the videos for confidence intervals.
      seed: of the draws.
    """
    draws = video_draws(num_videos, num_samples, seed)
    sections = []
    for number, analysis in enumerate(ANALYSES):
        own = {label: found[number] for label, found in zip(labels, systems, strict=True)}
        sections += analysis.comparison(own, draws)
    return SystemReport("comparison", sections)
