"""Temporal feature calibration."""

from ml_collections import ConfigDict


def calibration() -> ConfigDict:
    """Temporal feature calibration as published; goes to `config.model.calibration`."""
    return ConfigDict(
        dict(
            compare="correlation",  # or "difference", "query", "addition"
            displacements=16,
            dilation=2,
            kernel_size=1,
            channels=256,
            num_convs=3,
            init_scale=1.0,
            motion_sharpness=0.0,  # of the correlation's own motion, beyond the paper
            unit_features=False,  # correlates features of equal length, beyond the paper
            fusion="sum",  # or "mean", which starts from copies of the reference, beyond the paper
        )
    )
