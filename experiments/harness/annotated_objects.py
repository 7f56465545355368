"""Annotated objects of videos, as a trained model gets their frames."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator

import numpy as np
from absl import logging
from tqdm import tqdm

from ovis_jax.data.from_config import annotation_options, resizing
from ovis_jax.data.truth import Truth, VideoTruth
from ovis_jax.data.video_frames import VideoFrames
from ovis_jax.formats.annotation_records import OCCLUSION_LEVELS
from ovis_jax.formats.annotations import Annotations
from ovis_jax.predict.trained import TrainedModel

LEVEL_NAMES = tuple(level.removesuffix("_occlusion") for level in OCCLUSION_LEVELS)


@dataclasses.dataclass(frozen=True)
class AnnotatedVideo:
    """Frames of a video and what is annotated in them.

    Attributes:
      frames: [T, H, W, 3] uint8, resized and padded.
      sizes: [T, 2] float32, (height, width) of the resized frames without padding.
      truth: its objects, boxes in resized pixels.
      scale: (x, y), resized pixels per original pixel.
    """

    frames: np.ndarray
    sizes: np.ndarray
    truth: VideoTruth
    scale: tuple[float, float]

    def labelled(self) -> Iterator[tuple[int, int, int, int]]:
        """Frame, slot, identity, and index into OCCLUSION_LEVELS of all objects with a level."""
        instances = self.truth.instances
        for frame, slot in np.argwhere(instances.valid).tolist():
            identity = int(instances.identities[frame, slot])
            labels = self.truth.annotated[identity].occlusion
            if labels is not None and labels[frame] is not None:
                yield frame, slot, identity, OCCLUSION_LEVELS.index(labels[frame])


def annotated_objects(
    model: TrainedModel, annotations: Annotations, progress: str, images: str | None = None
) -> Iterator[AnnotatedVideo]:
    """All videos, one after the other.

    Args:
      model: its configuration says how frames are resized.
      annotations: with ground truth.
      progress: what the bar says.
      images: folder of the frames; None: those of the validation videos of the configuration.
    """
    data = model.config.data
    truth = Truth(
        annotations,
        [category.id for category in annotations.categories],
        annotation_options(data),
        logging.warning,
        data.inclusive_boxes,
    )
    for video in tqdm(annotations.videos, progress, unit="video", disable=None, leave=False):
        frames = VideoFrames(images or data.eval_images, video, resizing(data))
        size = np.array([frames.geometry.height, frames.geometry.width], np.float32)
        yield AnnotatedVideo(
            np.stack(list(frames)),
            np.tile(size, (len(frames), 1)),
            truth.of(video, frames.geometry),
            frames.geometry.scale,
        )
