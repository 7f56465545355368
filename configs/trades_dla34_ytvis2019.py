"""TraDeS, DLA-34, YouTube-VIS 2019: the published recipe, 16 epochs from a detector of COCO."""

from ovis_jax.configs.parts.trades import trades_dla34


def get_config():
    """Returns the locked configuration."""
    config = trades_dla34()
    config.data.train_annotations = "data/ytvis2019/train.json"
    config.data.train_images = "data/ytvis2019/train/JPEGImages"
    config.data.eval_annotations = "data/ytvis2019/valid.json"
    config.data.eval_images = "data/ytvis2019/valid/JPEGImages"
    config.model.num_classes = 40
    return config.lock()
