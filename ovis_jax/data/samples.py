"""Training samples: what the pipeline asks of a data set, and how one is opened."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

from ovis_jax.data.from_config import training_settings
from ovis_jax.data.mixed_data import MixedData
from ovis_jax.data.order import BatchOrder
from ovis_jax.data.pseudo.samples import ImageData
from ovis_jax.data.videos.samples import TrainingData
from ovis_jax.formats.annotations import Category
from ovis_jax.structures import Clips


class Samples(Protocol):
    """A data set with random access to its training samples.

    Attributes:
      num_samples: how many there are; they are numbered from 0.
      num_dropped: annotated objects beyond the capacity; never used.
      path: where the annotations come from, for messages.
      categories: sorted by id; label k of the model is `categories[k]`.
      num_identities: objects of all videos; the identities of clips are numbers below it, the same
        for an object in all of its clips. None where there are still images, whose objects are
        numbered anew in every clip.
      has_occlusion_levels: some object of the videos is annotated with its level of occlusion.
    """

    num_samples: int
    num_dropped: int
    path: str
    categories: Sequence[Category]
    num_identities: int | None
    has_occlusion_levels: bool

    @property
    def num_categories(self) -> int:
        """Number of the model's labels."""

    def batches_per_epoch(self, batch_size: int) -> int:
        """Batches after which every sample was seen at least once."""

    def order(self, batch_size: int, seed: int) -> BatchOrder:
        """The order in which samples are visited."""

    def describe(self, sample: int) -> str:
        """Names a sample in messages."""

    def canvas(self, sample: int) -> tuple[int, int]:
        """(height, width) of a sample's padded frames, whatever is drawn."""

    def draw(self, seed: int, position: int, sample: int) -> Any:
        """What is random about the row at `position = batch * batch_size + row` of the run."""

    def clip(self, draw: Any) -> Clips:
        """Loads or makes what was drawn; numpy arrays without batch axis.

        Raises:
          InputError: a frame, an image or a mask cannot be used.
        """

    def blank_clip(self, sample: int) -> Clips:
        """A record of this sample's shapes, all zero and without valid slots."""


def open_training_data(data: Any, capacity: int) -> Samples:
    """Opens the samples that a configuration describes.

    Args:
      data: `config.data`.
      capacity: most objects of a frame; of more, the largest are kept and a warning is logged.

    Raises:
      InputError: files are missing or unusable, or a field is missing, unknown or makes no sense.
    """
    settings = training_settings(data)
    videos = TrainingData(settings.videos, settings.sampling, capacity)
    if settings.pseudo_video is None:
        return videos
    images = ImageData(settings.pseudo_video, settings.sampling, videos.categories, capacity)
    return MixedData(videos, images, settings.image_share)
