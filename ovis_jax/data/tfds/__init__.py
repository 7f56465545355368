"""Data sets for TensorFlow Datasets; importing this registers all of them with `tfds`."""

from ovis_jax.data.tfds.coco_instances import CocoInstances
from ovis_jax.data.tfds.occluded_shapes import OccludedShapes
from ovis_jax.data.tfds.ovis import Ovis
from ovis_jax.data.tfds.youtube_vis import YoutubeVis2019, YoutubeVis2021

__all__ = ["CocoInstances", "OccludedShapes", "Ovis", "YoutubeVis2019", "YoutubeVis2021"]
