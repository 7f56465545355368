"""The forms in which a data set is built."""

from __future__ import annotations

import dataclasses

import tensorflow_datasets as tfds

from ovis_jax.formats.annotation_options import BOXES, AnnotationOptions
from ovis_jax.formats.errors import InputError


@dataclasses.dataclass(eq=False)
class RecordsConfig(tfds.core.BuilderConfig):
    """How a data set is built.

    Attributes:
      example: what an example is: "frame", "video" or "prepared_frame".
      image_scale: longer and shorter side that prepared frames fit into.
      image_encoding: of prepared frames: "raw" or "png", both without loss.
      crowds_are_objects: take every crowd as an object like all others.
      boxes: "file"; or "masks": those around the masks.
    """

    example: str = "frame"
    image_scale: tuple[int, int] = (640, 360)
    image_encoding: str = "raw"
    crowds_are_objects: bool = False
    boxes: str = "file"

    def __post_init__(self):
        """Raises InputError for a value that makes no sense."""
        for field, values in (
            ("example", ("frame", "video", "prepared_frame")),
            ("image_encoding", ("raw", "png")),
            ("boxes", BOXES),
        ):
            if getattr(self, field) not in values:
                expected = " or ".join(values)
                raise InputError(f"{field}: {getattr(self, field)!r}, expected {expected}")
        self.image_scale = tuple(self.image_scale)
        if len(self.image_scale) != 2 or min(self.image_scale) < 1:
            raise InputError(f"image_scale: {self.image_scale}, expected two sides in pixels")

    @property
    def annotation_options(self) -> AnnotationOptions:
        """What to do with crowds and boxes."""
        return AnnotationOptions(self.crowds_are_objects, self.boxes)


FRAMES = RecordsConfig(name="frames", description="One example per frame, for training.")
VIDEOS = RecordsConfig(name="videos", description="One example per video.", example="video")
PREPARED = RecordsConfig(
    name="prepared",
    description="One example per frame, resized into 640x360, with masks of that size.",
    example="prepared_frame",
)
PREPARED_PNG = RecordsConfig(
    name="prepared_png",
    description="As prepared, images compressed: smaller files that take longer to read.",
    example="prepared_frame",
    image_encoding="png",
)
