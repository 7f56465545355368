"""Frames encoded on several devices are those that one device encodes."""

import os
import pathlib
import subprocess
import sys

import jax
import numpy as np
import pytest
from models.detections import random_frames
from models.tiny import IMAGE_SIZE
from models.tiny_systems import SYSTEMS
from toy_model import toy_model

from ovis_jax.formats.errors import InputError
from ovis_jax.inference.spread import on_every, spread
from ovis_jax.predict import Predictor

KINDS = "mask_track_rcnn", "queryvis", "idol", "trades", "videomt"  # of encoders
HALVES = slice(0, 2), slice(2, 4)
ROOT = pathlib.Path(__file__).parents[2]


def with_two_devices(check, **more):
    """Runs a function of this file in a program that has two devices."""
    environment = os.environ | {
        "PYTHONPATH": os.pathsep.join([str(ROOT), str(ROOT / "tests")]),
        "JAX_NUM_CPU_DEVICES": "2",
        "JAX_PLATFORMS": "cpu",
        **more,
    }
    code = f"from inference import test_spread; test_spread.{check.__name__}()"
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def found(predictor, frames, **settings):
    """All that is known of every frame, to the last bit."""
    return [
        (r.frame, *(x.tolist() for x in (r.ids, r.labels, r.scores, r.boxes)), r.rles)
        for r in predictor.track(frames, **settings)
    ]


def check_tracks():
    frames = np.random.default_rng(0).integers(0, 255, (9, 48, 80, 3)).astype(np.uint8)
    devices = jax.devices()
    assert len(devices) == 2
    for window in (0, 2):
        want = found(Predictor(toy_model(window)), frames)
        both = Predictor(toy_model(window), chunk=4, devices=devices)
        other = Predictor(toy_model(window), devices=devices[1:])
        assert found(both, frames) == found(other, frames) == want and any(row[1] for row in want)
        tracked = both.track(frames, snapshot_seconds=0)
        taken = [next(tracked) for _ in range(5)]
        rest = found(both, frames, resumed=tracked.snapshot)
        assert rest == want[rest[0][0] :] and 0 < rest[0][0] <= len(taken)
    model = toy_model()
    model.config.predict.chunk = 3
    assert Predictor(model, devices=devices).chunk == 4
    with pytest.raises(InputError, match="chunk: 3, expected a multiple of the 2 devices"):
        Predictor(model, chunk=3, devices=devices)


def test_tracks_of_a_video_are_those_of_one_device_to_the_last_bit():
    with_two_devices(check_tracks)


def check_features():
    frames, sizes = random_frames(4), np.tile(np.float32(IMAGE_SIZE), (4, 1))
    for name in KINDS:
        system, variables = SYSTEMS[name].build()

        def encode(*arguments, system=system):
            return system.apply(*arguments, method="encode")

        alone = jax.jit(encode)
        halves = [alone(variables, frames[own], sizes[own]) for own in HALVES]
        want = jax.tree.map(lambda *x: np.concatenate(x), *halves)
        everywhere = on_every(variables, jax.devices())
        got = spread(encode, jax.devices())(everywhere, frames, sizes)
        for ours, theirs in zip(jax.tree.leaves(got), jax.tree.leaves(want), strict=True):
            assert [x.data.shape[0] for x in ours.addressable_shards] == [2, 2]
            np.testing.assert_array_equal(ours, theirs, err_msg=name)


@pytest.mark.exhaustive
def test_a_device_encodes_its_share_of_a_chunk_as_it_would_a_chunk_of_that_size():
    # As users compile: XLA's older emitters of fused loops, which tests ask for since they compile
    # sooner, round IDOL's features otherwise in a program for two devices (jaxlib 0.10.2: 4e-7).
    with_two_devices(check_features, XLA_FLAGS="")
