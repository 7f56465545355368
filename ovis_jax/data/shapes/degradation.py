"""Frames that show less than they could: shaken, out of focus, noisy, badly exposed, compressed.

Masks stay as they are: what is annotated is where an object is, not what can be made out of it.
"""

import dataclasses

import cv2
import numpy as np

KINDS = ("motion_blur", "defocus", "noise", "exposure", "compression")

_STREAM = 3  # of random numbers; smaller ones are those of scenes
_LONGEST = 3  # frames in a row; lengths from 1 on are equally likely
_USUAL_WIDTH = 320  # of frames, in pixels: blurs grow with the frame


@dataclasses.dataclass(frozen=True)
class Degradation:
    """What happens to a frame.

    Attributes:
      kind: of KINDS.
      strength: 0 to 1; the weakest can be seen, too.
      turn: 0 to 1, a direction, or whether a frame is dark or bright.
    """

    kind: str
    strength: float
    turn: float


def degradation(
    key: tuple[int, ...], frame: int, rate: float, kinds: tuple[str, ...]
) -> Degradation | None:
    """What happens to a frame, if anything; a share `rate` of frames is degraded.

    Bad frames come one to three in a row. What a frame gets depends on its key and number alone,
    not on how many frames a video has.

    Args:
      key: of the video: seed, split, number.
      frame: its number.
      rate: 0 to 1.
      kinds: to choose from, each equally often.
    """
    if not rate:
        return None
    chance = _starting_chance(rate)
    for before in range(_LONGEST):
        rng = np.random.default_rng([*key[:1], _STREAM, *key[1:], frame - before + _LONGEST])
        starts, length = rng.random() < chance, int(rng.integers(1, _LONGEST, endpoint=True))
        if starts and length > before:
            return Degradation(kinds[int(rng.integers(len(kinds)))], rng.random(), rng.random())
    return None


def degrade(image: np.ndarray, found: Degradation, rng: np.random.Generator) -> np.ndarray:
    """The degraded frame.

    Args:
      image: [H, W, 3] uint8 RGB.
      found: what happens to it.
      rng: source of what differs from pixel to pixel.
    """
    unit = image.shape[1] / _USUAL_WIDTH
    if found.kind == "motion_blur":
        kernel = _line(unit * (7 + 11 * found.strength), np.pi * found.turn)
        return cv2.filter2D(image, -1, kernel, borderType=cv2.BORDER_REFLECT)
    if found.kind == "defocus":
        kernel = _disc(unit * (2.5 + 3.5 * found.strength))
        return cv2.filter2D(image, -1, kernel, borderType=cv2.BORDER_REFLECT)
    if found.kind == "noise":
        return _sensor_noise(image, 25 + 40 * found.strength, rng)
    if found.kind == "exposure" and found.turn < 0.5:  # dark frames are noisy ones, too
        return _sensor_noise(_brighter(image, 0.3 - 0.2 * found.strength), 12, rng)
    if found.kind == "exposure":
        return _brighter(image, 1.8 + 1.4 * found.strength)
    quality = round(10 - 8 * found.strength)
    bgr = cv2.cvtColor(image, cv2.COLOR_RGB2BGR)
    _, content = cv2.imencode(".jpg", bgr, [cv2.IMWRITE_JPEG_QUALITY, quality])
    return cv2.imdecode(content, cv2.IMREAD_COLOR_RGB)


def degraded(
    image: np.ndarray, key: tuple[int, ...], frame: int, rate: float, kinds: tuple[str, ...]
) -> np.ndarray:
    """Frame `frame` as it was recorded; see `degradation`."""
    found = degradation(key, frame, rate, kinds)
    if found is None:
        return image
    rng = np.random.default_rng([*key[:1], _STREAM + 1, *key[1:], frame])
    return degrade(image, found, rng)


def _starting_chance(rate: float) -> float:
    """Chance that bad frames begin at a frame, so that a share `rate` of all frames is bad."""
    chances = np.linspace(0, 1, 1001)
    lasting = 1 - np.arange(_LONGEST) / _LONGEST  # chance to be longer than 0, 1, ... frames
    covered = 1 - np.prod(1 - chances[:, None] * lasting, axis=1)
    return float(np.interp(rate, covered, chances))


def _line(length: float, angle: float) -> np.ndarray:
    """A straight way of the camera while the shutter is open, as a kernel round its middle."""
    half = int(np.ceil(length / 2))
    axis = np.arange(-half, half + 1)
    x, y = np.meshgrid(axis, axis)
    along, aside = (
        x * np.cos(angle) + y * np.sin(angle),
        y * np.cos(angle) - x * np.sin(angle),
    )
    kernel = np.clip(length / 2 + 0.5 - np.abs(along), 0, 1) * np.clip(1 - np.abs(aside), 0, 1)
    return kernel / kernel.sum()


def _disc(radius: float) -> np.ndarray:
    """The image of a point that is out of focus."""
    half = int(np.ceil(radius))
    axis = np.arange(-half, half + 1)
    kernel = np.clip(radius + 0.5 - np.hypot(*np.meshgrid(axis, axis)), 0, 1)
    return kernel / kernel.sum()


def _sensor_noise(image: np.ndarray, deviation: float, rng: np.random.Generator) -> np.ndarray:
    """Noise of a sensor; `deviation` is that of the brightest pixels."""
    noise = rng.standard_normal(image.shape, np.float32)
    noise *= deviation * np.sqrt(0.2 + 0.8 / 255 * image.astype(np.float32))
    return cv2.add(image, noise, dtype=cv2.CV_8U)


def _brighter(image: np.ndarray, factor: float) -> np.ndarray:
    return cv2.convertScaleAbs(image, alpha=factor)
