"""Reads the numbers that a run wrote for TensorBoard."""

import pathlib

from ovis_jax.data.quiet_tensorflow import tf


def scalars(workdir: pathlib.Path, name: str) -> dict[int, float]:
    """Values by step; of a step that was done twice, the later one."""
    files = sorted((workdir / "events").iterdir(), key=lambda p: p.stat().st_mtime)
    return {
        event.step: value.simple_value
        for file in files
        for event in tf.compat.v1.train.summary_iterator(str(file))
        for value in event.summary.value
        if value.tag == name
    }
