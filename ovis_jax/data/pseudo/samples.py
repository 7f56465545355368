"""Still images with COCO annotations as training samples: every clip is a pseudo-video."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np

from ovis_jax.data import order
from ovis_jax.data.augment.colors import change_colors
from ovis_jax.data.augment.views import View, Views
from ovis_jax.data.box_transforms import visible_boxes
from ovis_jax.data.clips import LoadedFrame, blank_clip, make_clip
from ovis_jax.data.pseudo.clip import PseudoFrame, draw_frame
from ovis_jax.data.pseudo.draw import ClipSettings, draw_clip
from ovis_jax.data.pseudo.motion import REST
from ovis_jax.data.pseudo.paste import NOTHING
from ovis_jax.data.pseudo.stills import open_stills
from ovis_jax.data.settings import PseudoVideo, Sampling
from ovis_jax.data.transforms import FrameGeometry, is_landscape
from ovis_jax.formats.annotations import Category
from ovis_jax.structures import UNKNOWN_OCCLUSION, Clips

_ATTEMPTS = 4  # at a query frame that shows an object; the last leaves the image at rest


@dataclasses.dataclass(frozen=True)
class ImageDraw:
    """A sample, its view, and what all else depends on, which is drawn while the clip is made.

    Attributes:
      sample: number of the image.
      seed: of the run.
      position: row of the run, counted from its start.
      view: how its frames are shown, before they are mirrored.
    """

    sample: int
    seed: int
    position: int
    view: View


class ImageData:
    """The images that show an object of the model's categories.

    Attributes:
      num_samples: number of images.
      num_dropped: annotated objects beyond the capacity; never used.
      landscape: [num_samples] bool: wider than high.
      path: of the annotations, for messages.
    """

    def __init__(
        self,
        pseudo_video: PseudoVideo,
        sampling: Sampling,
        categories: Sequence[Category],
        capacity: int,
    ):
        """Reads the annotations and looks that every image file exists.

        Args:
          pseudo_video: where the images are and how they move.
          sampling: how they become clips; of its frames the numbers alone are used.
          categories: of the model, in the order of its labels.
          capacity: most objects of a frame; of more, the largest are kept.

        Raises:
          InputError: annotations or images are missing or unusable.
        """
        self._stills = open_stills(
            pseudo_video.stills, categories, capacity=capacity, options=sampling.annotation_options
        )
        self.path, self.num_dropped = self._stills.path, self._stills.num_dropped
        self.num_samples = len(self._stills.pictures)
        records = [picture.record for picture in self._stills.pictures]
        self.landscape = np.array([is_landscape(r.width, r.height) for r in records])
        self._pseudo_video, self._sampling = pseudo_video, sampling
        self._shape = sampling.frames.shape(capacity)
        self._views = Views(sampling.resizing, sampling.augmentation)

    def describe(self, sample: int) -> str:
        """Names a sample in messages: "image 139 (000000000139.jpg)"."""
        record = self._stills.pictures[sample].record
        return f"image {record.id} ({record.file_names[0]})"

    def canvas(self, sample: int) -> tuple[int, int]:
        """(height, width) of a sample's padded frames, whatever is drawn."""
        record = self._stills.pictures[sample].record
        return self._views.canvas(record.width, record.height)

    def draw(self, seed: int, position: int, sample: int) -> ImageDraw:
        """As `TrainingData.draw`."""
        return ImageDraw(int(sample), seed, position, self._draw_view(seed, position, sample))

    def clip(self, draw: ImageDraw) -> Clips:
        """Makes one clip, whose frames follow each other; numpy arrays without batch axis.

        An object counts in a frame where it has at least `pseudo_video.min_pixels` visible pixels.

        Raises:
          InputError: an image cannot be used.
        """
        geometry, (frames, labels) = draw.view.geometry, self._frames(draw)
        frames = [
            dataclasses.replace(frame, image=change_colors(frame.image, draw.view.colors))
            for frame in frames
        ]
        loaded = [
            self._loaded(frame, labels, geometry if t < self._shape.mask_frames else None)
            for t, frame in enumerate(frames)
        ]
        return make_clip(loaded, geometry, self._shape, draw.sample)

    def blank_clip(self, sample: int) -> Clips:
        """A clip of this sample's shapes, all zero and without valid slots."""
        return blank_clip(self.canvas(sample), self._shape, sample)

    def _draw_view(self, seed: int, position: int, sample: int) -> View:
        picture = self._stills.pictures[sample]
        boxes = np.nan_to_num([instance.boxes[0] for instance in picture.objects])

        def shows_object(geometry: FrameGeometry) -> bool:
            return bool(visible_boxes(boxes, geometry, flip=False).any())

        rng, record = order.view_draws(seed, position), picture.record
        return self._views.draw(rng, record.width, record.height, shows_object)

    def _frames(self, draw: ImageDraw) -> tuple[list[PseudoFrame], np.ndarray]:
        """The frames, and the labels of their objects."""
        rng = order.draws(draw.seed, draw.position)
        loaded = self._stills.load(draw.sample)
        length, fill = self._shape.num_frames, self._pseudo_video.fill
        for attempt in range(1, _ATTEMPTS + 1):
            resting = attempt == _ATTEMPTS
            settings = ClipSettings(
                geometry=draw.view.geometry,
                length=length,
                motion=REST if resting else self._pseudo_video.motion,
                pasting=NOTHING if resting else self._pseudo_video.pasting,
                flip_probability=self._sampling.flip_probability,
            )
            clip, labels = draw_clip(rng, self._stills, loaded, settings)
            query = draw_frame(clip, 0, settings.size, fill)
            if len(self._shown(query)):
                break
        others = [draw_frame(clip, t, settings.size, fill) for t in range(1, length)]
        return [query, *others], labels

    def _shown(self, frame: PseudoFrame) -> np.ndarray:
        """[N] int, ascending: the objects that count in a frame; the largest if too many."""
        areas = np.count_nonzero(frame.masks, axis=(1, 2))
        objects = np.flatnonzero(areas >= self._pseudo_video.min_pixels)
        by_area = np.argsort(-areas[objects], kind="stable")
        return np.sort(objects[by_area[: self._shape.capacity]])

    def _loaded(
        self, frame: PseudoFrame, labels: np.ndarray, geometry: FrameGeometry | None
    ) -> LoadedFrame:
        """A frame and what it shows; masks if there is a geometry to pad them to."""
        shown = self._shown(frame)
        masks = frame.masks[shown]
        return LoadedFrame(
            image=frame.image,
            identities=shown,
            labels=labels[shown],
            boxes=tight_boxes(masks, self._sampling.inclusive_boxes),
            occlusion=np.full(len(shown), UNKNOWN_OCCLUSION),
            masks=None if geometry is None else _packed(masks, geometry),
        )


def tight_boxes(masks: np.ndarray, inclusive: bool) -> np.ndarray:
    """[N, 4] float32 (x1, y1, x2, y2) around [N, H, W] masks with pixels.

    The second corner is the last pixel if `inclusive`, else the edge behind it.
    """
    edge = 0 if inclusive else 1
    sides = []
    for used in (masks.any(axis=1), masks.any(axis=2)):  # [N, W], [N, H]
        sides.append((used.argmax(axis=1), used.shape[1] - 1 - used[:, ::-1].argmax(axis=1)))
    (x1, x2), (y1, y2) = sides
    return np.stack([x1, y1, x2 + edge, y2 + edge], axis=1).astype(np.float32)


def _packed(masks: np.ndarray, geometry: FrameGeometry) -> np.ndarray:
    """[N, H, W // 8] uint8 on the padded canvas, eight columns a byte."""
    canvas = np.zeros((len(masks), geometry.canvas_height, geometry.canvas_width // 8), np.uint8)
    bits = np.packbits(masks, axis=2)
    canvas[:, : geometry.height, : bits.shape[2]] = bits
    return canvas
