"""FEELVOS at the size of `quickstart`, on the same data and for as many steps."""

from ovis_jax.configs.parts import quickstart


def get_config():
    """Returns the locked configuration."""
    return quickstart.feelvos().lock()
