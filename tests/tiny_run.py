"""A configuration file: the tiny network on the data of `tiny_ovis`, whose paths are flags."""

from models.tiny import tiny_config


def get_config():
    config = tiny_config().copy_and_resolve_references()
    config.unlock()
    config.data.image_scale = (64, 40)
    config.model.num_classes = 2
    config.capacity.instances = 4
    config.train.update(batch_size=2, num_steps=6, log_every=1, checkpoint_every=2)
    config.train.update(overlay_every=3, warmup_steps=2)
    config.predict.overlay_videos = 1
    return config.lock()
