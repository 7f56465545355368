"""What is still to be done before an experiment is finished, said before it begins."""

from __future__ import annotations

import functools
from collections.abc import Sequence

from experiments.harness.datasets import Rates
from experiments.harness.runs import TRAIN, PlannedRun
from ovis_jax.formats.annotations import load_annotations
from ovis_jax.program.configurations import read_configuration


def cost_line(planned: Sequence[PlannedRun], rates: Rates | None = None) -> str:
    """Runs, training steps and predicted frames that are left, and their time if rates are known.

    Args:
      planned: runs, finished or not.
      rates: of one process on an idle machine.
    """
    left = {own.folder: own for run in planned for own in run.with_starts() if not own.is_finished}
    if not left:
        return "all runs are finished"
    steps = epochs = frames = references = 0
    for own in left.values():
        config = read_configuration(own.config, own.settings)
        if own.mode == TRAIN:
            steps += config.train.num_steps
            epochs += 0 if config.train.num_steps else config.train.num_epochs
        length = _num_frames(config.data.eval_annotations)
        calibrated = config.model.get("calibration", None) is not None
        frames += length
        references += length * 2 * config.predict.reference_window * calibrated
    parts = [f"{len(left)} runs to make: {steps:,} training steps"]
    parts += [f"{epochs:g} epochs"] * bool(epochs)
    parts += [f"{frames:,} frames to predict, with {references:,} reference frames"]
    text = ", ".join(parts)
    if rates is None or epochs:
        return text
    seconds = steps * rates.step + frames * rates.frame + references * rates.reference
    minutes = round(seconds / 60)
    return f"{text}; about {minutes // 60} h {minutes % 60} min on {rates.machine}"


@functools.lru_cache
def _num_frames(path: str) -> int:
    return sum(video.length for video in load_annotations(path).videos)
