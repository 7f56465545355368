"""What training samples are made of and how: records, made of a configuration by `from_config`."""

from __future__ import annotations

import dataclasses

from ovis_jax.data.augment.settings import NO_AUGMENTATION, Augmentation
from ovis_jax.data.clip_frames import ClipFrames
from ovis_jax.data.pseudo.motion import Motion
from ovis_jax.data.pseudo.paste import Pasting
from ovis_jax.data.transforms import Resizing
from ovis_jax.formats.annotation_options import AnnotationOptions

LOADERS = ("auto", "tf_data", "threads")
"""What clips may be loaded by: tf.data, or threads of Python; "auto" is tf.data where there is
TensorFlow. The batches are the same."""


@dataclasses.dataclass(frozen=True)
class VideoFolder:
    """Annotated videos as files.

    Attributes:
      annotations: path of the annotation file.
      images: folder that its file names are relative to.
      halved_decoding: frames of at least twice the size that is wanted are decoded at half theirs,
        which is faster, and not quite the same pixels.
    """

    annotations: str
    images: str
    halved_decoding: bool = False


@dataclasses.dataclass(frozen=True)
class VideoRecords:
    """Annotated videos as a data set that `ovis_jax.data.tfds` built.

    Attributes:
      folder: of one configuration and version.
      split: its name.
    """

    folder: str
    split: str


@dataclasses.dataclass(frozen=True)
class StillImages:
    """Annotated images.

    Attributes:
      annotations: path of the annotation file, in COCO format.
      images: folder of the image files.
      categories: pairs of a category's name in that file and of one in the videos; without any,
        those that are known to mean the same.
    """

    annotations: str
    images: str
    categories: tuple[tuple[str, str], ...] = ()


@dataclasses.dataclass(frozen=True)
class PseudoVideo:
    """How still images become video.

    Attributes:
      stills: the images.
      motion: range of the motion.
      pasting: of other objects over those of an image.
      min_pixels: visible ones from which on an object counts in a frame.
      fill: RGB colour of what lies outside the image.
    """

    stills: StillImages
    motion: Motion
    pasting: Pasting
    min_pixels: int
    fill: tuple[float, float, float]


@dataclasses.dataclass(frozen=True)
class Sampling:
    """What all clips have in common, of videos and of still images.

    Attributes:
      frames: which frames a clip has.
      resizing: of the frames.
      flip_probability: that a clip is mirrored.
      annotation_options: what to do with crowds and boxes.
      inclusive_boxes: the second corner of a box is its last pixel; otherwise the edge behind it.
      augmentation: what else is drawn for a clip.
    """

    frames: ClipFrames
    resizing: Resizing
    flip_probability: float
    annotation_options: AnnotationOptions
    inclusive_boxes: bool = True
    augmentation: Augmentation = NO_AUGMENTATION


@dataclasses.dataclass(frozen=True)
class TrainingSettings:
    """All training samples.

    Attributes:
      videos: where the videos are.
      sampling: how they, and still images, become clips.
      image_share: clips made from still images among all clips, in [0, 1].
      pseudo_video: how these are made; None if the share is 0.
    """

    videos: VideoFolder | VideoRecords
    sampling: Sampling
    image_share: float
    pseudo_video: PseudoVideo | None
