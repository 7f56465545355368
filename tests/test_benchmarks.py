"""Benchmarks take every system, one without stages of its own, too."""

import pathlib
import types

import numpy as np
from toy_system import ToySystem, toy_variables

from benchmarks import inference
from benchmarks.stages import stages_of_system, whole
from configs.parts.mask_track_rcnn import mask_track_rcnn_r50
from ovis_jax.data.transforms import Resizing, frame_geometry
from ovis_jax.models.build import BUILDERS

SHARED = {"__init__", "whole", "calibrated"}


def test_stages_are_those_of_a_system_or_the_whole_of_it():
    files = pathlib.Path(whole.__file__).parent.glob("*.py")
    for name in {file.stem for file in files} - SHARED:
        assert name in BUILDERS, f"benchmarks/stages/{name}.py is of no system in BUILDERS"
        assert stages_of_system(name).__name__.endswith(name)
    assert stages_of_system("no_system") is whole


def test_a_system_without_stages_is_timed_as_a_whole():
    config = mask_track_rcnn_r50()
    config.model.system = "toy"
    system = ToySystem(window_before=1)
    geometry = frame_geometry(32, 16, Resizing((32, 16), 16))
    canvas = np.zeros((geometry.canvas_height, geometry.canvas_width, 3), np.uint8)
    options = types.SimpleNamespace(chunk=2, seconds=0.0)
    times = inference.stages_of_ours(
        config, system, toy_variables(system), canvas, geometry, options
    )
    assert list(times) == ["encode", inference.REST, inference.WHOLE]
    assert times[inference.WHOLE] > times["encode"] > 0
