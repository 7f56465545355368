"""TraDeS, DLA-34, OVIS: the published model, as its files have it, with the classes of OVIS."""

from ovis_jax.configs.parts.trades import trades_dla34


def get_config():
    """Returns the locked configuration."""
    return trades_dla34().lock()
