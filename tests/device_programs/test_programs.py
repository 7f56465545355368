"""The programs of prediction that are compiled for devices, traced with the smallest network."""

import dataclasses

import jax
import pytest
from models.tiny_systems import SYSTEMS

from benchmarks.devices.programs import Inference, configuration
from benchmarks.devices.request import PROGRAMS, Request

CONFIG = "configs/cmasktrack_rcnn_r50_ovis.py"


def test_a_request_changes_the_size_of_the_frames():
    own = Request("h100", 1, "train", CONFIG, "bfloat16", "default", 2, None, 4)
    usual = configuration(own)
    larger = configuration(Request.read(dataclasses.replace(own, image_scale=(1280, 720)).text()))
    assert usual.data.image_scale == (640, 360)
    assert larger.data.image_scale == (1280, 720)


@pytest.mark.parametrize("name", [name for name in PROGRAMS if name != "train"])
def test_a_program_takes_arguments_of_the_shapes_that_come_with_it(name):
    function, *shapes = Inference(SYSTEMS["mask_track_rcnn"].config(), chunk=2).program(name)
    found = jax.eval_shape(function, *shapes)
    if name == "whole_frame":  # the buffer that the next frame is appended to
        assert jax.tree.structure(found[1]) == jax.tree.structure(shapes[2])
        assert jax.tree.leaves(found[1]) == jax.tree.leaves(shapes[2])
