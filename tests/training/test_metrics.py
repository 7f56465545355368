import jax.numpy as jnp
import numpy as np
import pytest

from ovis_jax.training.metrics import Diverged, MetricsBuffer
from ovis_jax.training.state import StepMetrics


def step_metrics(loss=1.0, norm=2.0, sample=(0, 1)):
    return StepMetrics(
        loss=jnp.float32(loss),
        losses={"mask": jnp.float32(loss)},
        values={"gradient_norm": jnp.float32(norm)},
        sample=jnp.array(sample),
    )


def test_the_buffer_gives_means_and_the_largest_gradient_since_the_last_call():
    buffer = MetricsBuffer(str)
    for step, (loss, norm) in enumerate(((1.0, 2.0), (2.0, 9.0), (6.0, 1.0)), start=1):
        buffer.add(step, step_metrics(loss, norm))
    means = {"loss": 3.0, "loss/mask": 3.0, "gradient_norm": 4.0}
    assert buffer.take() == means | {"gradient_norm_max": 9.0}
    buffer.add(4, step_metrics(norm=3.0))
    assert buffer.take()["gradient_norm_max"] == 3.0
    assert buffer.take() == {}


@pytest.mark.parametrize("bad", [dict(loss=np.nan), dict(loss=np.inf), dict(norm=np.nan)])
def test_the_first_bad_step_is_named_with_losses_and_samples(bad):
    buffer = MetricsBuffer(lambda sample: f"frame {sample}")
    buffer.add(11, step_metrics())
    buffer.add(12, step_metrics(sample=(7, 8), **bad))
    buffer.add(13, step_metrics(loss=np.nan))
    with pytest.raises(Diverged, match=r"^step 12: .*mask.*frame 7; frame 8$"):
        buffer.take()
