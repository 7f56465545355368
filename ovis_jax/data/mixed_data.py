"""Video and still images as one set of training samples (paper, section 4.3)."""

from __future__ import annotations

import dataclasses

import numpy as np

from ovis_jax.data.order import BatchOrder, ImageVisits
from ovis_jax.data.pseudo.samples import ImageData, ImageDraw
from ovis_jax.data.videos.samples import Draw, TrainingData
from ovis_jax.structures import Clips


class MixedData:
    """Frames of videos, whose numbers come first, and still images; used like TrainingData.

    Attributes:
      num_samples: frames that can be a query frame, and images.
      num_dropped: annotated objects beyond the capacity, of both; never used.
      path: where the annotations of the videos come from, for messages.
      categories: sorted by id; label k of the model is `categories[k]`.
      has_occlusion_levels: objects of the videos have; those of images have none.
      num_identities: None, as objects of the images have none that last; see `Samples`.
    """

    num_identities = None

    def __init__(self, videos: TrainingData, images: ImageData, image_share: float):
        """Mixes data sets.

        Args:
          videos: gives the categories.
          images: whose labels are those of `videos`.
          image_share: of the images among the clips of an epoch, in (0, 1].
        """
        self._videos, self._images, self._share = videos, images, image_share
        self.num_samples = videos.num_samples + images.num_samples
        self.num_dropped = videos.num_dropped + images.num_dropped
        self.path, self.categories = videos.path, videos.categories
        self.has_occlusion_levels = videos.has_occlusion_levels

    @property
    def num_categories(self) -> int:
        """Number of the model's labels."""
        return len(self.categories)

    def batches_per_epoch(self, batch_size: int) -> int:
        """Batches after which every frame of the videos was a query at least once.

        With images alone: every image.
        """
        return self.order(batch_size, seed=0).batches_per_epoch

    def order(self, batch_size: int, seed: int) -> BatchOrder:
        """The order in which samples are visited."""
        frames, landscape = self._videos.num_samples, self._videos.index.landscape
        if self._share == 1:
            count, landscape = self._images.num_samples, landscape[:0]
        else:
            count = round(frames * self._share / (1 - self._share))
        visits = ImageVisits(self._images.landscape, first=frames, count=count, seed=seed)
        return BatchOrder(landscape, batch_size=batch_size, seed=seed, images=visits)

    def describe(self, sample: int) -> str:
        """Names a sample in messages."""
        data, number = self._part(sample)
        return data.describe(number)

    def canvas(self, sample: int) -> tuple[int, int]:
        """(height, width) of a sample's padded frames, whatever is drawn."""
        data, number = self._part(sample)
        return data.canvas(number)

    def draw(self, seed: int, position: int, sample: int) -> Draw | ImageDraw:
        """Draws for the row at `position = batch * batch_size + row` of the training run."""
        data, number = self._part(sample)
        return data.draw(seed, position, number)

    def clip(self, draw: Draw | ImageDraw) -> Clips:
        """Loads or makes one clip; numpy arrays without batch axis.

        Raises:
          InputError: a frame, an image or a mask cannot be used.
        """
        if isinstance(draw, Draw):
            return self._videos.clip(draw)
        clip = self._images.clip(draw)
        sample = np.int32(clip.sample + self._videos.num_samples)
        return dataclasses.replace(clip, sample=sample)

    def blank_clip(self, sample: int) -> Clips:
        """A clip of this sample's shapes, all zero and without valid slots."""
        data, number = self._part(sample)
        return data.blank_clip(number)

    def _part(self, sample: int) -> tuple[TrainingData | ImageData, int]:
        """Whose sample it is, and its number there."""
        first = self._videos.num_samples
        return (self._videos, sample) if sample < first else (self._images, sample - first)
