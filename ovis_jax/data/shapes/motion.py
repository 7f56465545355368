"""Where the objects of a video are in every frame: paths that meet, leave and come back.

Pixel coordinates (x, y) of the frame; time is the frame number.
"""

import dataclasses

import numpy as np

_PERIOD = 12.0  # frames from one meeting to the next
_KINDS = ("roam", "bounce", "orbit")
_KIND_CHANCES = (0.6, 0.2, 0.2)


@dataclasses.dataclass(frozen=True)
class Motion:
    """Pose of a layer in every frame.

    Attributes:
      centers: [T, 2] (x, y) in pixels.
      scales: [T] factor on the sprite's size.
      angles: [T] radians.
    """

    centers: np.ndarray
    scales: np.ndarray
    angles: np.ndarray


@dataclasses.dataclass(frozen=True)
class Meetings:
    """Times [M] and places [M, 2] at which the paths of a group come together."""

    times: np.ndarray
    places: np.ndarray


@dataclasses.dataclass(frozen=True)
class Stage:
    """What bounds the paths: length, frame size (width, height), speed in pixels a frame."""

    frames: int
    size: np.ndarray
    speed: float


def draw_meetings(rng: np.random.Generator, stage: Stage) -> Meetings:
    """Meetings every few frames, each within reach of the one before."""
    times = np.arange(-rng.uniform(0, _PERIOD), stage.frames + _PERIOD, _PERIOD)
    places = [rng.uniform(0.2, 0.8, 2) * stage.size]
    for _ in times[1:]:
        step = _direction(rng) * rng.uniform(0.3, 0.8) * stage.speed * _PERIOD
        places.append(np.clip(places[-1] + step, 0.2 * stage.size, 0.8 * stage.size))
    return Meetings(times, np.array(places))


def draw_motion(
    rng: np.random.Generator,
    stage: Stage,
    meetings: Meetings,
    radius: float,
    leaves: bool,
    tilt: float = 180.0,
) -> Motion:
    """Pose of an object that comes to the meetings, by one of several kinds of path.

    Args:
      rng: source of all randomness.
      stage: bounds of the path.
      meetings: of the object's group.
      radius: of the object in pixels.
      leaves: whether it leaves the frame once and comes back.
      tilt: largest angle at first, either way from upright, in degrees.
    """
    kind = "roam" if leaves else rng.choice(_KINDS, p=_KIND_CHANCES)
    if kind == "bounce":
        centers = _bounce(rng, stage, meetings, radius)
    elif kind == "orbit":
        centers = _orbit(rng, stage, meetings, radius)
    else:
        centers = _roam(rng, stage, meetings, radius, leaves)
    time = np.arange(stage.frames)
    breath = rng.uniform(0, 0.12) * np.sin(2 * np.pi * (time / rng.uniform(20, 40) + rng.random()))
    angle = rng.uniform(0, 2 * np.pi)
    if tilt < 180:  # else as the generators before had it
        angle = (angle - np.pi) * tilt / 180
    angles = angle + rng.normal(0, 0.03) * time
    return Motion(centers, 1 + breath, angles)


def draw_camera(rng: np.random.Generator, stage: Stage, reach: float) -> np.ndarray:
    """Shift [T, 2] of the background, within ±`reach` in both directions."""
    periods, phases = rng.uniform(30, 60, 2), rng.random(2)
    waves = np.sin(2 * np.pi * (np.arange(stage.frames)[:, None] / periods + phases))
    return reach * rng.uniform(0.3, 1, 2) * waves


def _roam(rng, stage, meetings, radius, leaves) -> np.ndarray:
    """From meeting to meeting, straying to a place of its own in between."""
    reach = 0.5 * _PERIOD * stage.speed
    middles = (meetings.places[:-1] + meetings.places[1:]) / 2
    strays = middles + reach * np.array([_direction(rng) for _ in middles])
    arrivals = meetings.places + rng.normal(0, 0.35 * radius, meetings.places.shape)
    points = np.empty((2 * len(middles) + 1, 2))
    points[::2], points[1::2] = arrivals, strays
    points = np.clip(points, 0.5 * radius, stage.size - 0.5 * radius)
    times = np.empty(len(points))
    times[::2] = meetings.times + rng.normal(0, 1, len(meetings.times))
    times[1::2] = (meetings.times[:-1] + meetings.times[1:]) / 2
    if leaves:
        inner = np.flatnonzero((times > 3) & (times < stage.frames - 4))
        if len(inner):
            _lead_outside(points, int(rng.choice(inner)), stage, radius, reach)
    return _smooth(times, points, np.arange(stage.frames))


def _lead_outside(points, index: int, stage: Stage, radius: float, reach: float) -> None:
    """Moves one point beyond the nearest side of the frame and its neighbours to that side."""
    gaps = np.concatenate([points[index], stage.size - points[index]])  # left top right bottom
    side = int(np.argmin(gaps))
    axis, far = side % 2, side >= 2
    inward = -1 if far else 1
    edge = stage.size[axis] if far else 0.0
    points[index, axis] = edge - inward * (1.2 * radius + 0.3 * reach)
    for neighbour in (index - 1, index + 1):
        if 0 <= neighbour < len(points):
            points[neighbour, axis] = edge + inward * reach


def _bounce(rng, stage, meetings, radius) -> np.ndarray:
    """Straight at constant speed through one meeting, reflected by the sides of the frame."""
    inside = np.flatnonzero((meetings.times >= 0) & (meetings.times < stage.frames))
    index = int(rng.choice(inside)) if len(inside) else 0
    place = meetings.places[index] + rng.normal(0, 0.35 * radius, 2)
    velocity = _direction(rng) * stage.speed * rng.uniform(0.7, 1.3)
    time = np.arange(stage.frames) - meetings.times[index]
    low = np.minimum(0.6 * radius, 0.4 * stage.size)
    span = stage.size - 2 * low
    unfolded = place - low + velocity * time[:, None]
    return low + span - np.abs(unfolded % (2 * span) - span)


def _orbit(rng, stage, meetings, radius) -> np.ndarray:
    """Round the place where the group meets."""
    time = np.arange(stage.frames)
    orbit = radius * rng.uniform(0.5, 1.2)
    turn = rng.choice([-1, 1]) * stage.speed * rng.uniform(0.5, 1) / orbit
    angle = rng.uniform(0, 2 * np.pi) + turn * time
    middle = _smooth(meetings.times, meetings.places, time)
    ring = np.stack([np.cos(angle), np.sin(angle)], axis=-1)
    return np.clip(middle + orbit * ring, 0.3 * radius, stage.size - 0.3 * radius)


def _smooth(times: np.ndarray, points: np.ndarray, at: np.ndarray) -> np.ndarray:
    """Cubic Hermite curve [len(at), 2] through points [M, 2]; constant beyond the ends."""
    if len(times) == 1:
        return np.repeat(points, len(at), axis=0)
    at = np.clip(at, times[0], times[-1])
    slopes = np.gradient(points, times, axis=0)
    left = np.clip(np.searchsorted(times, at, side="right") - 1, 0, len(times) - 2)
    step = (times[left + 1] - times[left])[:, None]
    u = (at - times[left])[:, None] / step
    ends = (1 + 2 * u) * (1 - u) ** 2 * points[left] + u**2 * (3 - 2 * u) * points[left + 1]
    bends = u * (1 - u) ** 2 * slopes[left] - u**2 * (1 - u) * slopes[left + 1]
    return ends + step * bends


def _direction(rng) -> np.ndarray:
    angle = rng.uniform(0, 2 * np.pi)
    return np.array([np.cos(angle), np.sin(angle)])
