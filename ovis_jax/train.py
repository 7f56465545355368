"""Training: frame-pair batches → steps → checkpoints, resumed wherever it was interrupted."""

from __future__ import annotations

import contextlib
import dataclasses
import pathlib
from collections.abc import Iterator

import jax
from ml_collections import ConfigDict

from ovis_jax.checkpoints.store import CheckpointStore
from ovis_jax.data.pipeline import training_batches
from ovis_jax.data.training_data import TrainingData
from ovis_jax.models.build import build_system, init_variables
from ovis_jax.structures import FramePairs
from ovis_jax.training import hooks
from ovis_jax.training.optimizer import make_optimizer, trained_parameters
from ovis_jax.training.overlay import draw_pair
from ovis_jax.training.schedule import learning_rate_schedule, scaled_learning_rate
from ovis_jax.training.sharding import check_batch_size, data_mesh, replicate, split_batch
from ovis_jax.training.state import TrainState, initial_state
from ovis_jax.training.step import TrainStep, make_train_step


@dataclasses.dataclass(frozen=True)
class Run:
    """What stays the same during a run.

    Attributes:
      config: whole configuration.
      data: training samples.
      num_steps: length of the run.
      mesh: devices.
      train_step: compiled step.
      key: PRNG key of the run.
    """

    config: ConfigDict
    data: TrainingData
    num_steps: int
    mesh: jax.sharding.Mesh
    train_step: TrainStep
    key: jax.Array


def train(config: ConfigDict, data: TrainingData, workdir: pathlib.Path) -> bool:
    """Trains from the newest checkpoint of a work directory to the end of the schedule.

    Args:
      config: whole configuration; `config.train` is the optimisation.
      data: training samples.
      workdir: gets `checkpoints/` and `events/`.

    Returns:
      False if SIGTERM ended the run early, after a checkpoint.

    Raises:
      InputError: a checkpoint or a frame cannot be used.
      Diverged: a loss is not finite.
    """
    with CheckpointStore(workdir / "checkpoints", keep=config.train.keep_checkpoints) as store:
        run, state = start(config, data, store)
        first_step = int(state.step)
        batches = training_batches(
            data,
            batch_size=config.train.batch_size,
            seed=config.seed,
            start_step=first_step,
            host_index=jax.process_index(),
            host_count=jax.process_count(),
        )
        if first_step < run.num_steps:
            state = run_steps(run, state, batches, store, workdir / "events")
        return int(state.step) == run.num_steps


def start(config: ConfigDict, data: TrainingData, store: CheckpointStore) -> tuple[Run, TrainState]:
    """Builds everything, and the state of the newest checkpoint or of step 0."""
    mesh = data_mesh()
    check_batch_size(config.train.batch_size, mesh)
    num_steps = run_length(config, data)
    schedule = make_schedule(config, num_steps)
    system = build_system(config)
    key = jax.random.key(config.seed)
    variables = start_variables(config, init_variables(system, key))
    trained = trained_parameters(variables["params"], config.train.frozen)
    optimizer = make_optimizer(
        schedule,
        trained,
        momentum=config.train.momentum,
        weight_decay=config.train.weight_decay,
        clip_norm=config.train.clip_norm,
    )
    state = replicate(initial_state(variables, optimizer), mesh)
    train_step = make_train_step(system, optimizer, schedule, trained, mesh)
    run = Run(config, data, num_steps, mesh, train_step, replicate(key, mesh))
    return run, resume(state, store)


def run_length(config: ConfigDict, data: TrainingData) -> int:
    """Steps of the whole run: `num_steps`, or `num_epochs` passes over the data."""
    settings = config.train
    return settings.num_steps or settings.num_epochs * data.batches_per_epoch(settings.batch_size)


def make_schedule(config: ConfigDict, num_steps: int):
    """Learning rate of every step, scaled by the batch size."""
    settings = config.train
    return learning_rate_schedule(
        settings.schedule,
        scaled_learning_rate(settings.learning_rate, settings.batch_size),
        num_steps,
        warmup_steps=settings.warmup_steps,
        warmup_factor=settings.warmup_factor,
        drops=settings.drops,
    )


def start_variables(config: ConfigDict, variables: dict) -> dict:
    """Fresh variables, or those of `train.init_checkpoint`."""
    if not config.train.init_checkpoint:
        return variables
    with CheckpointStore(config.train.init_checkpoint) as store:
        return store.restore_variables(variables)


def resume(state: TrainState, store: CheckpointStore) -> TrainState:
    """The state of the newest checkpoint, if there is one."""
    step = store.latest_step()
    if step is None:
        return state
    progress = {"step": state.step, "opt_state": state.opt_state}
    variables, progress, _ = store.restore(step, state.variables, progress)
    constants = {name: value for name, value in variables.items() if name != "params"}
    return state.replace(params=variables["params"], constants=constants, **progress)


def run_steps(
    run: Run,
    state: TrainState,
    batches: Iterator[FramePairs],
    store: CheckpointStore,
    events: pathlib.Path,
) -> TrainState:
    """Steps until the end or SIGTERM; logs and saves on the way and saves at the end."""
    settings = run.config.train
    first_step, main_process = int(state.step), jax.process_index() == 0
    writer = hooks.EventWriter(events, first_step, enabled=main_process)
    progress = hooks.ProgressLine(first_step, run.num_steps, shown=main_process)
    metrics, stopwatch = hooks.MetricsBuffer(run.data.describe), hooks.Stopwatch()
    with (
        contextlib.closing(writer),
        contextlib.closing(progress),
        hooks.StopSignal() as stop,
    ):
        for step in range(first_step + 1, run.num_steps + 1):
            rows = stopwatch.next_batch(batches)
            batch = split_batch(rows, run.mesh)
            state, step_metrics = run.train_step(state, batch, run.key)
            metrics.add(step, step_metrics)
            last = step == run.num_steps or stop.received(step)
            save = last or step % settings.checkpoint_every == 0
            if save or step % settings.log_every == 0 or step == first_step + 1:
                values = metrics.take() | stopwatch.lap()
                writer.scalars(step, values)
                progress.update(step, values)
            if save:
                save_state(run, state, store)
            if settings.overlay_every and step % settings.overlay_every == 0:
                data = run.config.data
                writer.picture(step, "pair", draw_pair(rows, data.mean, data.std))
            if last:
                break
    return state


def save_state(run: Run, state: TrainState, store: CheckpointStore) -> None:
    """Writes the state, and what the next batch and the random numbers depend on."""
    step = int(state.step)
    meta = {"step": step, "next_batch": step, "seed": run.config.seed}
    progress = {"step": state.step, "opt_state": state.opt_state}
    store.save(step, state.variables, progress, meta)
