"""STEm-Seg, ResNet-101-FPN, OVIS, 640x360."""

from ovis_jax.configs.parts.stem_seg import stem_seg


def get_config():
    """Returns the locked configuration."""
    return stem_seg(101).lock()
