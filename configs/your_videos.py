"""Videos of your own, on a GPU: MaskTrack R-CNN, ResNet-50-FPN, from a detector trained on COCO.

The classes are those of the training annotations. `config.train.init_checkpoint` is what
`import_weights --config configs/your_videos.py --categories TRAIN.json` makes of a published file
(docs/your_own_videos.md); from random weights, small data sets teach little.
"""

from ovis_jax.configs.parts.mask_track_rcnn import mask_track_rcnn_r50
from ovis_jax.configs.parts.own_videos import own_videos


def get_config():
    """Returns the locked configuration."""
    config = own_videos(mask_track_rcnn_r50())
    # Published detectors of COCO count sides of boxes without the last pixel, except old ones.
    config.model.inclusive_boxes = config.data.inclusive_boxes = False
    config.train.update(batch_size=8, num_steps=3000, learning_rate=0.005, warmup_steps=300)
    config.train.update(evaluate_every=250, checkpoint_every=250)
    return config.lock()
