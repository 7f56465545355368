"""The toy system as a trained model."""

from toy_system import ToySystem, toy_variables

from configs.parts.mask_track_rcnn import mask_track_rcnn_r50
from ovis_jax.formats.annotation_records import Category
from ovis_jax.predict.trained import TrainedModel


def toy_model(window=0, resizing=(), **system):
    """A model with two classes for frames of 80x48 pixels, resized to half of that."""
    config = mask_track_rcnn_r50()
    config.data.image_scale = (40, 24)
    config.data.update(dict(resizing))
    config.model.num_classes = 2
    config.capacity.tracks = 5
    config.predict.chunk = 2
    system = ToySystem(window_before=window, window_after=window, **system)
    categories = (Category(7, "cat"), Category(3, "dog"))
    return TrainedModel(system, toy_variables(system), config, categories)
