"""The sum of a system's losses and its gradient, compiled once for all tests of the system."""

import functools

import jax


@functools.cache
def _compiled(system):
    def loss(variables, batch):
        losses, metrics = system.apply(variables, batch, jax.random.key(1), method="losses")
        return sum(losses.values()), (losses, metrics)

    return jax.jit(jax.value_and_grad(loss, has_aux=True))


def total_loss(system, variables, batch):
    """(total, (losses, metrics)), gradient by variables."""
    return _compiled(system)(variables, batch)
