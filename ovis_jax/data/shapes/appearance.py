"""What objects, occluders and backgrounds look like.

A sprite is [h, w, 4] float32: RGB in [0, 255] multiplied by the opacity, and the opacity in [0, 1].
"""

import cv2
import numpy as np

from ovis_jax.data.shapes.classes import OUTLINES, Look

_FINE = 3  # sprites are drawn this many times finer, then averaged down
_RIM = 0.07  # width of the dark rim, of the radius
_NOTCH = np.array([[0, -0.1], [0.5, -1.1], [-0.5, -1.1]])  # cut out at the top; unit: the radius


def object_sprite(
    rng: np.random.Generator, paint: np.random.Generator, look: Look, diameter: float
) -> np.ndarray:
    """An object with the outline, kind of texture and hue of its look.

    Args:
      rng: source of the outline's proportions.
      paint: source of phase, texture frequency and shades; may be the same.
      look: what it looks like.
      diameter: of the circle round the outline, in pixels.
    """
    side = _FINE * (int(np.ceil(diameter)) + 2)
    radius = _FINE * diameter / 2
    axis = (np.arange(side, dtype=np.float32) + 0.5 - side / 2) / radius
    x, y = np.meshgrid(axis, axis)
    texture = _texture(paint, look.texture, x, y)[..., None]
    stretch = (rng.uniform(0.82, 1), 1)
    opacity = np.zeros((side, side), np.uint8)
    _fill(opacity, _outline(look.outline) * stretch * radius, 1)
    if look.notched:
        _fill(opacity, _NOTCH * stretch * radius, 0)
    depth = cv2.distanceTransform(opacity, cv2.DIST_L2, 3)
    shade = np.where(depth < _RIM * radius, np.float32(0.35), np.float32(1))[..., None]
    light = _rgb(look.hue, paint.uniform(0.55, 0.9), paint.uniform(0.85, 1))
    shift = paint.uniform(-0.06, 0.06)
    dark = _rgb(look.hue + shift, paint.uniform(0.7, 1), paint.uniform(0.35, 0.5))
    color = shade * (light + (dark - light) * texture)
    return _sprite(color, opacity.astype(np.float32), side // _FINE, side // _FINE)


def occluder_sprite(rng: np.random.Generator, width: int, height: int) -> np.ndarray:
    """A pole or board: greyish, with streaks along its height and a darker rim."""
    grey = rng.uniform(60, 170) * rng.uniform(0.9, 1.1, 3)
    streaks = rng.normal(0, 14, (1, width, 1)) + rng.normal(0, 5, (height, width, 1))
    color = np.clip(grey + streaks, 0, 255).astype(np.float32)
    color[:, [0, -1]] *= 0.6
    color[[0, -1], :] *= 0.6
    sprite = np.dstack([color, np.ones((height, width), np.float32)])
    return cv2.copyMakeBorder(sprite, 1, 1, 1, 1, cv2.BORDER_CONSTANT, value=0)


def background(rng: np.random.Generator, width: int, height: int) -> np.ndarray:
    """A muted landscape of noise and blurred patches, [height, width, 3] uint8."""
    image = np.full((height, width, 3), rng.uniform(70, 170), np.float32)
    image *= rng.uniform(0.85, 1.15, 3).astype(np.float32)
    for _ in range(14):
        _patch(rng, image)
    image = cv2.GaussianBlur(image, (0, 0), 1.5)
    for cell, strength in ((64, 22), (16, 14), (5, 9)):
        coarse = (height // cell + 2, width // cell + 2)
        grey, tint = (
            rng.normal(0, strength, (*coarse, 1)),
            rng.normal(0, strength / 4, (*coarse, 3)),
        )
        layer = (grey + tint).astype(np.float32)
        image += cv2.resize(layer, (width, height), interpolation=cv2.INTER_CUBIC)
    return np.clip(image, 0, 255).astype(np.uint8)


def _patch(rng, image: np.ndarray) -> None:
    """Mixes one muted ellipse into the image."""
    height, width, _ = image.shape
    center = (int(rng.integers(width)), int(rng.integers(height)))
    axes = (int(rng.integers(8, 60)), int(rng.integers(8, 40)))
    grey = rng.uniform(50, 190) * rng.uniform(0.9, 1.1, 3)
    layer = image.copy()
    cv2.ellipse(layer, center, axes, rng.uniform(0, 180), 0, 360, grey.tolist(), -1)
    cv2.addWeighted(layer, 0.5, image, 0.5, 0, dst=image)


def _fill(image: np.ndarray, points: np.ndarray, value: int) -> None:
    """Sets the pixels within a polygon, whose corners [N, 2] are seen from the middle."""
    corners = points + len(image) / 2 - 0.5
    cv2.fillPoly(image, [np.round(corners).astype(np.int32)], value)


def _outline(number: int) -> np.ndarray:
    """Corners [N, 2] of an outline, within the unit circle."""
    name = OUTLINES[number]
    if name == "disc":
        return 0.88 * _polygon(64, (1,))
    if name == "square":
        return _polygon(4, (1,))
    if name == "triangle":
        return _polygon(3, (1,))
    if name == "star":
        return _polygon(10, (1, 0.45))
    arm, end = 0.34, 0.94
    quarter = np.array([[arm, arm], [arm, end], [-arm, end]])
    turn = np.array([[0.0, -1.0], [1.0, 0.0]])
    return np.concatenate([quarter @ np.linalg.matrix_power(turn, i).T for i in range(4)])


def _polygon(corners: int, radii: tuple[float, ...]) -> np.ndarray:
    angle = 2 * np.pi * np.arange(corners) / corners - np.pi / 2
    return np.resize(radii, corners)[:, None] * np.stack([np.cos(angle), np.sin(angle)], axis=-1)


def _texture(rng, number: int, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Share of the dark colour at (x, y) in radii: stripes, checks, dots, rings or wedges."""
    name = OUTLINES[number]  # that has this texture where the evidence is local
    phase, other = rng.random(2)
    if name == "disc":
        return _wave(rng.uniform(1.6, 2.2) * x + phase)
    if name == "square":
        count = rng.uniform(1.1, 1.5)
        return np.abs(_wave(count * (x + y) + phase) - _wave(count * (x - y) + other))
    if name == "triangle":
        count = rng.uniform(1.8, 2.4)
        u, v = (count * x + phase) % 1 - 0.5, (count * y + other) % 1 - 0.5
        return (u * u + v * v < 0.09).astype(np.float32)
    if name == "star":
        return _wave(rng.uniform(1.8, 2.4) * np.hypot(x, y) + phase)
    return _wave(6 * np.arctan2(y, x) / (2 * np.pi) + phase)


def _wave(turns: np.ndarray) -> np.ndarray:
    """1 in the first half of every turn, else 0."""
    return (turns % 1 < 0.5).astype(np.float32)


def _rgb(hue: float, saturation: float, value: float) -> np.ndarray:
    """RGB [3] in [0, 255] of a hue in turns, saturation and value in [0, 1]."""
    pixel = np.array([[[360 * (hue % 1), saturation, value]]], np.float32)
    return 255 * cv2.cvtColor(pixel, cv2.COLOR_HSV2RGB)[0, 0]


def _sprite(color: np.ndarray, opacity: np.ndarray, width: int, height: int) -> np.ndarray:
    full = np.dstack([color * opacity[..., None], opacity]).astype(np.float32)
    return cv2.resize(full, (width, height), interpolation=cv2.INTER_AREA)
