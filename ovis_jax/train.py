"""Training: batches of clips → steps → checkpoints, resumed wherever it was interrupted."""

from __future__ import annotations

import contextlib
import dataclasses
import pathlib
from collections.abc import Callable, Iterator

import jax
from absl import logging
from flax import linen as nn
from ml_collections import ConfigDict

from ovis_jax.checkpoints.starts import start_variables
from ovis_jax.checkpoints.store import CheckpointStore
from ovis_jax.classes import (
    as_records,
    check_classes,
    check_same_classes,
    check_start,
    fresh_parts,
)
from ovis_jax.data.loaders import find_loader
from ovis_jax.data.pipeline import training_batches
from ovis_jax.data.samples import Samples, open_training_data
from ovis_jax.formats.errors import InputError
from ovis_jax.identities import check_identities, identities_of
from ovis_jax.models.build import build_model, init_variables
from ovis_jax.program import cluster
from ovis_jax.program.workdir import Workdir
from ovis_jax.structures import Clips
from ovis_jax.training.interruption import StopSignal
from ovis_jax.training.metrics import MetricsBuffer
from ovis_jax.training.optimizer import (
    Descent,
    decayed_parameters,
    delayed_parameters,
    make_optimizer,
    rate_factors,
    trained_parameters,
)
from ovis_jax.training.progress import EventWriter, ProgressLine, Stopwatch
from ovis_jax.training.run_length import check_same_past, make_schedule, run_length
from ovis_jax.training.sharding import (
    check_batch_size,
    data_mesh,
    local_copy,
    on_one_device,
    replicate,
    replicated,
    replicated_shapes,
    split_batch,
)
from ovis_jax.training.state import TrainState, initial_state
from ovis_jax.training.step import TrainStep, make_train_step
from ovis_jax.visualization.clips import draw_clip

Evaluate = Callable[[ConfigDict, tuple[nn.Module, dict]], dict[str, float]]

_SHOWN_AP = ("AP", "AP50", "AP75")  # of evaluations during training, on the terminal


@dataclasses.dataclass(frozen=True)
class Run:
    """What stays the same during a run.

    Attributes:
      config: whole configuration.
      system: the model.
      data: training samples.
      num_steps: length of the run.
      mesh: devices.
      train_step: compiled step.
      key: PRNG key of the run.
    """

    config: ConfigDict
    system: nn.Module
    data: Samples
    num_steps: int
    mesh: jax.sharding.Mesh
    train_step: TrainStep
    key: jax.Array


def train(config: ConfigDict, workdir: Workdir, evaluate: Evaluate | None = None) -> bool:
    """Trains from the newest sound checkpoint of a work directory to the end of the schedule.

    Args:
      config: whole configuration; `config.train` is the optimisation.
      workdir: gets the checkpoints and the events.
      evaluate: scores the model every `train.evaluate_every` steps, for TensorBoard.

    Returns:
      False if SIGTERM ended the run early, after a checkpoint.

    Raises:
      KeyboardInterrupt: Ctrl-C ended it, after a checkpoint if a step was done.
      InputError: the data, a checkpoint or a value of the configuration cannot be used.
      Diverged: a loss or a gradient is not finite.
    """
    data = open_training_data(config.data, config.capacity.instances)
    check_classes(data, config)
    check_identities(data, config)
    check_occlusion_levels(data, config)
    find_loader(config.data.loader)
    with CheckpointStore(workdir.checkpoints, keep=config.train.keep_checkpoints) as store:
        run, state = start(config, data, store)
        check_same_past(config, workdir, data, int(state.step))
        workdir.claim()
        if int(state.step) < run.num_steps:
            batches = batches_from(int(state.step), run)
            state = run_steps(run, state, batches, store, workdir.path / "events", evaluate)
        return int(state.step) >= run.num_steps


def check_clip(clip: ConfigDict, system: nn.Module) -> None:
    """Raises InputError unless clips hold the frames and the masks that the losses read."""
    for name, least in (("num_frames", system.CLIP_FRAMES), ("mask_frames", system.MASK_FRAMES)):
        if clip[name] < least:
            raise InputError(
                f"config.data.clip.{name}: expected at least {least} for this system, "
                f"is {clip[name]}"
            )


def check_occlusion_levels(data: Samples, config: ConfigDict) -> None:
    """Raises InputError if the model is to learn levels of occlusion that nobody annotated."""
    wanted = config.model.get("occlusion", {}).get("level_loss", 0.0)
    if wanted and not data.has_occlusion_levels:
        raise InputError(
            f"{data.path}: annotations: no object has a level of occlusion, which "
            "config.model.occlusion.level_loss learns from (records of earlier versions have none)"
        )


def start(config: ConfigDict, data: Samples, store: CheckpointStore) -> tuple[Run, TrainState]:
    """Builds everything, and the state of the newest checkpoint or of step 0."""
    mesh = data_mesh()
    settings = config.train
    check_batch_size(settings.batch_size, settings.microbatches, mesh)
    check_average_decay(settings.average_decay)
    num_steps = run_length(config, data)
    schedule = make_schedule(config, num_steps)
    system, shapes = build_model(config)
    check_clip(config.data.clip, system)
    trained = trained_parameters(shapes["params"], settings.frozen)
    delayed = delayed_parameters(shapes["params"], settings.delayed.paths)
    optimizer = make_optimizer(
        schedule,
        trained,
        descent_of(settings),
        decayed=decayed_parameters(shapes["params"], settings.undecayed),
        factors=rate_factors(shapes["params"], settings.slowed),
        delayed=delayed and (delayed, make_schedule(config, num_steps, delayed=True)),
    )
    train_step = make_train_step(
        system,
        optimizer,
        schedule,
        trained,
        mesh,
        microbatches=settings.microbatches,
        average_decay=settings.average_decay,
    )
    run = Run(config, system, data, num_steps, mesh, train_step, run_key(config, mesh))

    def first_state(variables):
        return initial_state(variables, optimizer, averaged=settings.average_decay > 0)

    state_shapes = replicated_shapes(jax.eval_shape(first_state, shapes), mesh)
    step = store.newest_sound_step(state_shapes.variables, state_shapes.progress)
    if step is None:
        check_start(config, data)
        return run, replicate(first_state(first_variables(config, system, shapes)), mesh)
    variables, progress, meta = store.restore(step, state_shapes.variables, state_shapes.progress)
    check_same_classes(meta.get("categories"), data, f"{store.folder}: checkpoint {step}")
    return run, state_shapes.restored(variables, progress)


def descent_of(settings: ConfigDict) -> Descent:
    """What `config.train` says of the optimizer."""
    return Descent(
        momentum=settings.momentum,
        weight_decay=settings.weight_decay,
        clip_norm=settings.clip_norm,
        name=settings.optimizer,
        second_moment=settings.second_moment,
        nesterov=settings.nesterov,
    )


def check_average_decay(decay: float) -> None:
    """Raises InputError unless it is 0, for no average, or a share below 1."""
    if not 0 <= decay < 1:
        raise InputError(f"config.train.average_decay: expected 0 <= decay < 1, is {decay}")


def first_variables(config: ConfigDict, system: nn.Module, shapes: dict) -> dict:
    """What the run begins with, in host memory; see `start_variables`."""
    key, fresh = jax.random.key(config.seed), fresh_parts(config)
    folder = config.train.init_checkpoint
    start = start_variables(lambda: init_variables(system, key), shapes, folder, fresh)
    return local_copy(start)


def run_key(config: ConfigDict, mesh: jax.sharding.Mesh) -> jax.Array:
    """The PRNG key of the run, on all devices."""
    make = jax.jit(lambda: jax.random.key(config.seed), out_shardings=replicated(mesh))
    return make()


def batches_from(step: int, run: Run) -> Iterator[Clips]:
    """Batches of this process from number `step` on."""
    return training_batches(
        run.data,
        batch_size=run.config.train.batch_size,
        seed=run.config.seed,
        start_step=step,
        host_index=jax.process_index(),
        host_count=jax.process_count(),
        loader=run.config.data.loader,
    )


def run_steps(
    run: Run,
    state: TrainState,
    batches: Iterator[Clips],
    store: CheckpointStore,
    events: pathlib.Path,
    evaluate: Evaluate | None = None,
) -> TrainState:
    """Steps until the end, SIGTERM or Ctrl-C; logs and saves on the way and saves at the end."""
    settings = run.config.train
    first_step, shown = int(state.step), cluster.is_first()
    writer = EventWriter(events, first_step, enabled=shown)
    progress = ProgressLine(first_step, run.num_steps, shown=shown)
    writer.scalars(first_step, {"dropped_objects": run.data.num_dropped})
    metrics, stopwatch = MetricsBuffer(run.data.describe), Stopwatch()
    with (
        contextlib.closing(writer),
        contextlib.closing(progress),
        StopSignal() as stop,
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
            if is_due(step, settings.overlay_every):
                writer.picture(step, "pair", draw_clip(rows))
            if evaluate and is_due(step, settings.evaluate_every) and not last:
                found = evaluate(run.config, (run.system, on_one_device(state.variables)))
                report_evaluation(step, found, writer)
                stopwatch.restart()
            if last:
                break
    if shown:
        logging.info("%s", stopwatch.summary(step))
    if stop.interrupted and step < run.num_steps:
        raise KeyboardInterrupt
    return state


def report_evaluation(step: int, values: dict[str, float], writer: EventWriter) -> None:
    """Puts what an evaluation found into the events, and its AP on the terminal."""
    writer.scalars(step, {f"evaluation/{name}": value for name, value in values.items()})
    shown = [f"{name} {100 * values[name]:.1f}" for name in _SHOWN_AP if name in values]
    if shown and cluster.is_first():
        logging.info("step %d: %s", step, ", ".join(shown))


def is_due(step: int, every: int) -> bool:
    """Whether something that happens every so many steps, 0 for never, happens after `step`."""
    return every > 0 and step % every == 0


def save_state(run: Run, state: TrainState, store: CheckpointStore) -> None:
    """Writes the state, and what the next batch and the random numbers depend on."""
    step = int(state.step)
    meta = {"step": step, "next_batch": step, "seed": run.config.seed}
    meta["categories"] = as_records(run.data.categories)
    meta |= identities_of(run.config)
    store.save(step, state.variables, state.progress, meta)
