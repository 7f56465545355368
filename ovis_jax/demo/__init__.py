"""The small model that comes with the package: `model.npz`, described in `MODEL_CARD.md`."""

import pathlib

MODEL = pathlib.Path(__file__).with_name("model.npz")
"""A packed model, see `ovis_jax.checkpoints.packed`."""
