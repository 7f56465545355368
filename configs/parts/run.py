"""What every set-up has: data, optimisation and inference, around the model of one system."""

from ml_collections import ConfigDict

from ovis_jax.configs.parts.data import data
from ovis_jax.training.schedule import FULL_SCHEDULE_BATCH


def run(model: ConfigDict, capacity: ConfigDict) -> ConfigDict:
    """A whole configuration with the defaults for OVIS.

    Args:
      model: of a system, with its name.
      capacity: sizes of its padded records.
    """
    config = ConfigDict()
    config.seed = 0
    # Of float32: exact; or "high", "default": as fast as can be.
    config.matmul_precision = "highest"
    config.data = data()
    config.capacity = capacity
    config.model = model
    config.train = train()
    config.predict = predict()
    return config


def train() -> ConfigDict:
    """Optimisation; the learning rate belongs to `FULL_SCHEDULE_BATCH` pairs a step."""
    return ConfigDict(
        dict(
            batch_size=FULL_SCHEDULE_BATCH,
            microbatches=1,  # parts of a batch that go through the model one after the other
            num_epochs=12,
            num_steps=0,  # 0: from num_epochs
            optimizer="sgd",  # or "adamw"
            learning_rate=0.005,
            warmup_steps=500,
            warmup_factor=1 / 3,
            schedule="step",  # or "cosine", "polynomial", "exponential"
            schedule_after_warmup=False,  # or True: it begins when the warm-up ends
            drops=(8 / 12, 11 / 12),  # shares of the run after which the rate falls to a tenth
            schedule_power=0.9,  # of "polynomial"
            schedule_final_factor=0.01,  # of "exponential", which falls from the first drop on
            momentum=0.9,  # also the decay of AdamW's first moment
            second_moment=0.99,  # decay of AdamW's second moment
            nesterov=False,  # or True: Nesterov's correction of the momentum, of "sgd"
            weight_decay=1e-4,
            undecayed=(),  # paths without decay, such as "**/norm*"; see `training.optimizer`
            clip_norm=35.0,
            frozen=(
                "backbone/stem",
                "backbone/stage1",
            ),  # paths of what stays; "*": any part
            slowed=(),  # (parameter path prefix, factor on the learning rate) pairs
            # Paths of parameters that begin later, with a warm-up of their own.
            delayed=dict(paths=(), steps=0, warmup_steps=0),
            average_decay=0.0,  # of an average of the parameters that predicts; 0: none
            log_every=50,
            evaluate_every=0,  # steps between evaluations during training; 0: none
            checkpoint_every=1000,
            keep_checkpoints=3,
            overlay_every=0,  # steps between image overlays in TensorBoard; 0: none
            init_checkpoint="",  # folder of checkpoints, or of one, to start from
            fresh=(),  # parts of the model, such as "calibration", that it does not hold
        )
    )


def predict() -> ConfigDict:
    """Inference and its outputs."""
    return ConfigDict(
        dict(
            reference_window=0,  # frames on either side whose calibrated outputs are averaged
            chunk=4,  # frames encoded together
            overlay_videos=4,
            oracle="",  # or "image", "adaptive_nms": annotations do a part of the system's work
        )
    )
