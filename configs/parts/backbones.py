"""What other backbones than ResNets want of training."""

from ml_collections import ConfigDict


def adamw_for_transformers(config: ConfigDict) -> ConfigDict:
    """AdamW as in the published detectors with Swin-T; everything is trained.

    Learning rate 1e-4 for 16 pairs of frames, decay 0.05 except of norms and position biases,
    second moment 0.999, 1000 steps of warm-up.

    Args:
      config: unlocked; it is changed.

    Returns:
      The same.
    """
    config.train.update(
        optimizer="adamw",
        learning_rate=1e-4,
        second_moment=0.999,
        weight_decay=0.05,
        undecayed=("**/norm*", "**/position_bias"),
        warmup_steps=1000,
        warmup_factor=0.001,
        frozen=(),
    )
    return config
