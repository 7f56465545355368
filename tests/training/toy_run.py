"""Trains the toy model as a program of its own: `toy_run.py WORKDIR FIELD=VALUE ...`.

Needs the repository and its `tests` on PYTHONPATH.

Batches come every `PAUSE` seconds; batch number `bad_batch`, counted from 0, is NaN.
"""

import json
import os
import signal
import sys
import time

import numpy as np
from training import toy

from ovis_jax import train
from ovis_jax.formats.errors import BAD_INPUT, InputError
from ovis_jax.models import build
from ovis_jax.program import cluster, command_line
from ovis_jax.program.workdir import Workdir
from ovis_jax.training.metrics import Diverged

PAUSE = 0.02


def main():
    clustered = "COORDINATOR" in os.environ
    if clustered:
        number, count = int(os.environ["PROCESS"]), int(os.environ["NUM_PROCESSES"])
        cluster.join(os.environ["COORDINATOR"], count, number)
    arguments = dict(argument.split("=") for argument in sys.argv[2:])
    values = {name: json.loads(value) for name, value in arguments.items()}
    bad_batch = values.pop("bad_batch", -1)

    def batches(data, *, start_step=0, **kwargs):
        numbered = enumerate(toy.toy_batches(data, start_step=start_step, **kwargs), start_step)
        for number, batch in numbered:
            time.sleep(PAUSE)
            factor = np.float32(np.nan if number == bad_batch else 1)
            yield batch.replace(frames=batch.frames * factor)

    train.open_training_data = lambda data, capacity: toy.ToyData()
    train.training_batches = batches
    build.build_system = lambda config: toy.ToyModel()
    build.init_variables = train.init_variables = toy.init_toy
    config = toy.toy_config(**values)
    try:
        finished = train.train(config, Workdir(sys.argv[1], json.loads(config.to_json())))
        print("finished" if finished else "stopped")
    except Exception as error:
        if clustered:
            cluster.leave(error, expected=(Diverged,))
        if isinstance(error, InputError):
            command_line.end(error, BAD_INPUT)
        if isinstance(error, Diverged):
            command_line.end(error, command_line.FAILURE)
        raise


if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.default_int_handler)  # which background jobs ignore
    sys.exit(command_line.run_resumable(main))
