"""Training samples: what the pipeline asks of a data set, and how one is opened."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

from ovis_jax.data.mixed_data import MixedData
from ovis_jax.data.order import BatchOrder
from ovis_jax.data.pseudo.samples import ImageData
from ovis_jax.data.transforms import FrameGeometry
from ovis_jax.data.videos.samples import TrainingData
from ovis_jax.formats.annotations import Category
from ovis_jax.formats.errors import InputError
from ovis_jax.structures import Clips


class Samples(Protocol):
    """A data set with random access to its training samples.

    Attributes:
      num_samples: how many there are; they are numbered from 0.
      num_dropped: annotated objects beyond the capacity; never used.
      path: where the annotations come from, for messages.
      categories: sorted by id; label k of the model is `categories[k]`.
    """

    num_samples: int
    num_dropped: int
    path: str
    categories: Sequence[Category]

    @property
    def num_categories(self) -> int:
        """Number of the model's labels."""

    def batches_per_epoch(self, batch_size: int) -> int:
        """Batches after which every sample was seen at least once."""

    def order(self, batch_size: int, seed: int) -> BatchOrder:
        """The order in which samples are visited."""

    def describe(self, sample: int) -> str:
        """Names a sample in messages."""

    def geometry(self, sample: int) -> FrameGeometry:
        """Resized size and canvas of a sample's frames."""

    def draw(self, seed: int, position: int, sample: int) -> Any:
        """What is random about the row at `position = batch * batch_size + row` of the run."""

    def clip(self, draw: Any) -> Clips:
        """Loads or makes what was drawn; numpy arrays without batch axis.

        Raises:
          InputError: a frame, an image or a mask cannot be used.
        """

    def blank_clip(self, sample: int) -> Clips:
        """A record of this sample's shapes, all zero and without valid slots."""


def open_training_data(data, capacity: int) -> Samples:
    """The samples that `config.data` describes.

    Raises:
      InputError: files are missing or unusable, or a value makes no sense.
    """
    if not 0 <= data.image_share <= 1:
        raise InputError(f"config.data.image_share: expected 0 to 1, is {data.image_share}")
    videos = TrainingData(data, capacity)
    if not data.image_share:
        return videos
    return MixedData(videos, ImageData(data, videos.categories, capacity), data.image_share)
