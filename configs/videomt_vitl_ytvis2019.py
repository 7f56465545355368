"""VidEoMT, ViT-L with DINOv2, YouTube-VIS 2019: shorter side 448, ten tracks a video."""

from ovis_jax.configs.parts.videomt import videomt


def get_config():
    """Returns the locked configuration."""
    config = videomt("large")
    config.data.update(
        image_scale=(1333, 448),
        train_annotations="data/ytvis2019/train.json",
        train_images="data/ytvis2019/train/JPEGImages",
        eval_annotations="data/ytvis2019/valid.json",
        eval_images="data/ytvis2019/valid/JPEGImages",
    )
    config.model.update(num_classes=40, max_results=10)
    config.train.num_steps = 60_000
    return config.lock()
