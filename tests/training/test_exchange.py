"""What a training step sends between devices, read from the compiled program."""

import os
import pathlib
import subprocess
import sys

import pytest

ROOT = pathlib.Path(__file__).parents[2]
PROGRAM = """
import jax, re
from benchmarks.scaling import exchanged_bytes
from benchmarks.train_program import TrainProgram, size_in_bytes
from models.tiny import tiny_config
program = TrainProgram(tiny_config())
assert program.mesh.size == 2
text = program.compile(4).as_text()
moved = re.findall(r" (all-to-all|collective-permute|reduce-scatter)(?:-start)?\\(", text)
gathered = re.findall(r"= f32\\S* all-gather", text)
print(exchanged_bytes(text) - size_in_bytes(program.state_shapes().params), moved, gathered)
"""


@pytest.mark.exhaustive
def test_devices_exchange_gradients_and_a_few_numbers_only():
    environment = os.environ | {"PYTHONPATH": f"{ROOT}:{ROOT}/tests", "JAX_NUM_CPU_DEVICES": "2"}
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM], cwd=ROOT, env=environment, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    beyond_parameters, rest = done.stdout.strip().split(" ", 1)
    # Some parameters have no gradient, and losses and metrics are exchanged, too.
    assert abs(int(beyond_parameters)) < 1000 and rest == "[] []"
