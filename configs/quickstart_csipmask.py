"""CSipMask at the size of `quickstart`, on the same data and for as many steps."""

from configs import quickstart, quickstart_sipmask


def get_config():
    """Returns the locked configuration."""
    config = quickstart.calibrated(quickstart_sipmask.sipmask())
    return config.lock()
