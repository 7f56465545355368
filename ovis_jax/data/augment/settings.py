"""How training clips are augmented; by default not at all. All draws are those of a clip."""

from __future__ import annotations

import dataclasses

BEFORE, AFTER = "before", "after"


@dataclasses.dataclass(frozen=True)
class Sizes:
    """The size that frames are resized to, in place of `Resizing.image_scale`; one way at most.

    Attributes:
      choices: pairs of a longer and a shorter side in pixels, one of which is drawn.
      ranges: smallest and largest longer side, and likewise the shorter side; whole numbers that
        are drawn uniformly, each on its own.
      factors: smallest and largest factor on `Resizing.image_scale`, drawn uniformly.
    """

    choices: tuple[tuple[int, int], ...] = ()
    ranges: tuple[tuple[int, int], ...] = ()
    factors: tuple[float, ...] = ()


@dataclasses.dataclass(frozen=True)
class Cropping:
    """A window of the frame, drawn uniformly, takes its place.

    Attributes:
      probability: that a clip is cropped.
      sides: smallest and largest side of the window in pixels. Width and height are drawn each on
        its own, and are at most those of the frame; the longer one lies along that of the frame,
        so that frames of one orientation fit into one canvas.
      when: "before" frames are resized to their size, or "after".
      short_sides: what comes before is cut out of frames whose shorter side has one of these
        lengths, which is drawn; without any, out of original frames.
    """

    probability: float = 0.0
    sides: tuple[int, int] = (384, 600)
    when: str = BEFORE
    short_sides: tuple[int, ...] = ()


@dataclasses.dataclass(frozen=True)
class Warping:
    """Another part of the frame is put on the canvas; of frames that are centred on it (CenterNet).

    Attributes:
      scales: shares of the longer side of the frame, one of which is drawn: so much becomes as long
        as the canvas is wide. Without any, frames are not warped.
      margin: original pixels between the border of the frame and the place that is drawn for the
        middle of the canvas; halved until it leaves room for one.
    """

    scales: tuple[float, ...] = ()
    margin: int = 128


@dataclasses.dataclass(frozen=True)
class Jitter:
    """Changes of colours (CornerNet); 0: none.

    Attributes:
      brightness: largest change of the factor 1 on all values.
      contrast: likewise, on differences from the mean grey of the frame.
      saturation: likewise, on differences from the grey of each pixel.
      lighting: deviation of the shift along each principal component of ImageNet's colours.
    """

    brightness: float = 0.0
    contrast: float = 0.0
    saturation: float = 0.0
    lighting: float = 0.0


@dataclasses.dataclass(frozen=True)
class Augmentation:
    """What is drawn for a clip besides its frames and whether it is mirrored."""

    sizes: Sizes = Sizes()
    cropping: Cropping = Cropping()
    warping: Warping = Warping()
    jitter: Jitter = Jitter()

    @property
    def moves_frames(self) -> bool:
        """Frames have other sizes than without it, or show less, or something else."""
        return any((self.sizes != Sizes(), self.cropping.probability, self.warping.scales))


NO_AUGMENTATION = Augmentation()
