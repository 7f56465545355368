import os
import signal

import jax.numpy as jnp
import numpy as np
import pytest
from training.toy import toy_batch

from ovis_jax.training import hooks
from ovis_jax.training.state import StepMetrics
from ovis_jax.visualization.pairs import draw_pair


def metrics(loss=1.0, norm=2.0, sample=(0, 1)):
    return StepMetrics(
        loss=jnp.float32(loss),
        losses={"mask": jnp.float32(loss)},
        values={"gradient_norm": jnp.float32(norm)},
        sample=jnp.array(sample),
    )


def test_the_buffer_gives_means_since_the_last_call():
    buffer = hooks.MetricsBuffer(str)
    for step, loss in enumerate((1.0, 2.0, 6.0), start=1):
        buffer.add(step, metrics(loss))
    assert buffer.take() == {"loss": 3.0, "loss/mask": 3.0, "gradient_norm": 2.0}
    assert buffer.take() == {}


@pytest.mark.parametrize("bad", [dict(loss=np.nan), dict(loss=np.inf), dict(norm=np.nan)])
def test_the_first_bad_step_is_named_with_losses_and_samples(bad):
    buffer = hooks.MetricsBuffer(lambda sample: f"frame {sample}")
    buffer.add(11, metrics())
    buffer.add(12, metrics(sample=(7, 8), **bad))
    buffer.add(13, metrics(loss=np.nan))
    with pytest.raises(hooks.Diverged, match=r"^step 12: .*mask.*frame 7; frame 8$"):
        buffer.take()


def test_the_stop_signal_is_remembered_and_given_back():
    before = signal.getsignal(signal.SIGTERM)
    with hooks.StopSignal() as stop:
        assert not stop.received(1)
        os.kill(os.getpid(), signal.SIGTERM)
        assert stop.received(2)
    assert signal.getsignal(signal.SIGTERM) is before


def test_the_stopwatch_counts_frames_and_waiting():
    stopwatch = hooks.Stopwatch()
    stopwatch.next_batch(iter([toy_batch(3, 0)]))
    lap = stopwatch.lap()
    assert lap["frames_per_second"] > 0 and 0 <= lap["data_wait"] <= 1
    assert stopwatch.lap()["frames_per_second"] == 0


def test_events_of_undone_steps_are_purged(tmp_path):
    for start in (0, 5):
        writer = hooks.EventWriter(tmp_path, start, enabled=True)
        writer.scalars(start + 1, {"loss": 1.0})
        writer.picture(start + 1, "pair", np.zeros((4, 6, 3), np.uint8))
        writer.close()
    assert len(list(tmp_path.glob("events*"))) == 2
    hooks.EventWriter(tmp_path / "other", 0, enabled=False).scalars(1, {"loss": 1.0})
    assert not (tmp_path / "other").exists()


def test_a_pair_is_drawn_with_one_colour_an_identity():
    batch = toy_batch(2, 0)
    frames = np.full((2, 16, 16, 3), (10, 20, 30), np.uint8)
    batch = batch.replace(query=frames, reference=frames)
    image = draw_pair(batch)
    assert image.shape == (16, 32, 3) and tuple(image[0, 0]) == (10, 20, 30)
    assert tuple(image[3, 2]) == tuple(image[3, 18]) != (10, 20, 30)
    batch = batch.replace(reference_match=np.zeros_like(batch.reference_match))
    assert tuple(draw_pair(batch)[3, 18]) == (255, 255, 255)
