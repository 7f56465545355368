"""What set-ups for videos of one's own have in common."""

from ml_collections import ConfigDict


def own_videos(config: ConfigDict) -> ConfigDict:
    """A configuration for small data: classes of the file, and checkpoints to choose among.

    A small data set is learned by heart sooner or later. Each evaluation during training has its
    checkpoint, so that the one with the best AP can be taken (docs/your_own_videos.md).
    """
    config.data.train_annotations = "own/split/train.json"
    config.data.eval_annotations = "own/split/minival.json"
    config.data.train_images = config.data.eval_images = "own/frames"
    config.model.num_classes = 0  # those of the training annotations
    config.train.update(
        schedule="cosine",
        evaluate_every=100,
        checkpoint_every=100,
        keep_checkpoints=40,
        log_every=20,
    )
    return config
