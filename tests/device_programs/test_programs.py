"""The programs of prediction that are compiled for devices, traced with the smallest network."""

import jax
import pytest
from models.tiny_systems import SYSTEMS

from benchmarks.devices.programs import Inference
from benchmarks.devices.request import PROGRAMS


@pytest.mark.parametrize("name", [name for name in PROGRAMS if name != "train"])
def test_a_program_takes_arguments_of_the_shapes_that_come_with_it(name):
    function, *shapes = Inference(SYSTEMS["mask_track_rcnn"].config(), chunk=2).program(name)
    found = jax.eval_shape(function, *shapes)
    if name == "whole_frame":  # the buffer that the next frame is appended to
        assert jax.tree.structure(found[1]) == jax.tree.structure(shapes[2])
        assert jax.tree.leaves(found[1]) == jax.tree.leaves(shapes[2])
