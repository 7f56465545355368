"""Rows that several experiments have in common; a finished one is made once for all of them."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

from experiments.harness.runs import EVALUATE, Run

MASKTRACK = Run("MaskTrack R-CNN", "masktrack_rcnn")
CMASKTRACK = Run("CMaskTrack R-CNN", "cmasktrack_rcnn")
SIPMASK = Run("SipMask", "sipmask")
CSIPMASK = Run("CSipMask", "csipmask")
CROSSVIS = Run("CrossVIS", "crossvis")
CCROSSVIS = Run("CCrossVIS", "ccrossvis")
QUERYVIS = Run("QueryVIS", "queryvis")
TRADES = Run("TraDeS", "trades")
STEM_SEG = Run("STEm-Seg", "stem_seg")
STMASK = Run("STMask", "stmask")
IDOL = Run("IDOL", "idol")


def again(run: Run, label: str, overrides: Mapping[str, Any], system: str = "") -> Run:
    """A row that predicts once more with what `run` has trained.

    Args:
      run: a row of the same experiment.
      label: of the new row.
      overrides: what is different, besides what is different in `run`.
      system: with the same parameters; empty for that of `run`.
    """
    changed = {**run.overrides, **overrides}
    return Run(label, system or run.system, changed, start=run.label, mode=EVALUATE)


def changed(run: Run, label: str, overrides: Mapping[str, Any], weights: str = "") -> Run:
    """A row of its own with other overrides.

    Args:
      run: that it is like.
      label: of the new row.
      overrides: what is different.
      weights: see `Run`, where the parameters are others.
    """
    own = {**run.overrides, **overrides}
    return dataclasses.replace(run, label=label, overrides=own, weights=weights)


def hidden(run: Run) -> Run:
    """A run that others start from, and that is no row."""
    return dataclasses.replace(run, shown=False)


IOUTRACKER = again(MASKTRACK, "IoUTracker+", {}, system="ioutracker_plus")
IDOL_BY_CUES = again(IDOL, "IDOL, MaskTrack's matcher", {}, system="idol_cues")
