"""The contents of one video before it is drawn: layers, their motion and their order."""

import dataclasses

import numpy as np

from ovis_jax.data.shapes import appearance
from ovis_jax.data.shapes.classes import draw_looks, shape_classes
from ovis_jax.data.shapes.motion import (
    Meetings,
    Motion,
    Stage,
    draw_camera,
    draw_meetings,
    draw_motion,
)
from ovis_jax.data.shapes.parameters import ShapesParameters

_DEPTH_PERIOD = 12  # frames between two possible changes of the depth order
_PARALLAX = 1.2  # occluders are nearer than the background and move more


@dataclasses.dataclass(frozen=True)
class Layer:
    """A sprite [h, w, 4] (see `shapes_appearance`) and its pose in every frame."""

    sprite: np.ndarray
    motion: Motion


@dataclasses.dataclass(frozen=True)
class Scene:
    """One video.

    Attributes:
      background: [H + 2 margin, W + 2 margin, 3] uint8.
      margin: pixels of background beyond each side of the frame.
      camera: [T, 2] shift (x, y) of the background.
      categories: [N] index of each object's category.
      objects: N layers.
      order: [T, N] objects from back to front.
      occluders: layers in front of all objects.
      gains: [T] brightness factor of each frame.
      noise: [2 H, 2 W, 3] int16, of which every frame takes a part.
      noise_corners: [T, 2] (x, y) where that part starts.
    """

    background: np.ndarray
    margin: int
    camera: np.ndarray
    categories: np.ndarray
    objects: list[Layer]
    order: np.ndarray
    occluders: list[Layer]
    gains: np.ndarray
    noise: np.ndarray
    noise_corners: np.ndarray


def draw_scene(rng: np.random.Generator, parameters: ShapesParameters) -> Scene:
    """Draws the contents of a video at random."""
    frames, width, height = parameters.frames, parameters.width, parameters.height
    stage = Stage(frames, np.array([width, height], np.float64), parameters.speed)
    camera = draw_camera(rng, stage, parameters.camera)
    margin = int(np.ceil(parameters.camera)) + 2
    categories, objects = _draw_objects(rng, parameters, stage)
    noise_size = (2 * height, 2 * width, 3)
    return Scene(
        background=appearance.background(rng, width + 2 * margin, height + 2 * margin),
        margin=margin,
        camera=camera,
        categories=categories,
        objects=objects,
        order=_draw_order(rng, frames, len(objects), parameters.depth_swaps),
        occluders=_draw_occluders(rng, parameters, camera),
        gains=1 + parameters.flicker * rng.normal(size=frames).clip(-3, 3),
        noise=np.rint(parameters.noise * rng.normal(size=noise_size)).astype(np.int16),
        noise_corners=rng.integers((width, height), size=(frames, 2), endpoint=True),
    )


def _draw_objects(rng, parameters, stage: Stage) -> tuple[np.ndarray, list[Layer]]:
    """Categories [N] and layers of the objects.

    Hues are apart from each other within a video, and where the evidence is local lie around those
    of the categories. Scenes with other evidence differ in colours and textures alone: what these
    are drawn from is apart from all else.
    """
    low, high = parameters.objects
    count = int(rng.integers(low, high, endpoint=True))
    categories = rng.integers(len(shape_classes(parameters.pairs)), size=count)
    diameters = np.exp(rng.uniform(*np.log(parameters.sizes), size=count))
    apart = rng.random() + (rng.permutation(count) + rng.uniform(-0.25, 0.25, count)) / count
    paint = rng if parameters.of_second_generator else rng.spawn(1)[0]
    evidence, pairs = parameters.evidence, parameters.pairs
    looks = draw_looks(evidence, pairs, categories, apart, parameters.hue_spread, paint)
    groups = [draw_meetings(rng, stage) for _ in range((count + 2) // 3)]
    layers = []
    for look, diameter in zip(looks, diameters, strict=True):
        sprite = appearance.object_sprite(rng, paint, look, diameter)
        meetings = _choose_meetings(rng, groups, stage, parameters.crossing)
        leaves = bool(rng.random() < parameters.leaving)
        motion = draw_motion(rng, stage, meetings, diameter / 2, leaves, parameters.tilt)
        layers.append(Layer(sprite, motion))
    return categories, layers


def _choose_meetings(rng, groups: list[Meetings], stage: Stage, crossing: float) -> Meetings:
    """Those of a group, or with the chance 1 - crossing of the object alone."""
    alone = draw_meetings(rng, stage)
    shared = groups[int(rng.integers(len(groups)))]
    return shared if rng.random() < crossing else alone


def _draw_order(rng, frames: int, count: int, swaps: float) -> np.ndarray:
    """[T, N] objects from back to front; at times drawn anew."""
    order = np.empty((frames, count), np.int64)
    now = rng.permutation(count)
    change = int(rng.integers(1, _DEPTH_PERIOD, endpoint=True))
    for frame in range(frames):
        if frame % _DEPTH_PERIOD == change % _DEPTH_PERIOD and rng.random() < swaps:
            now = rng.permutation(count)
        order[frame] = now
    return order


def _draw_occluders(rng, parameters, camera: np.ndarray) -> list[Layer]:
    """Poles from top to bottom and boards; they stand still in the scene."""
    low, high = parameters.occluders
    width, height = parameters.width, parameters.height
    layers = []
    for _ in range(int(rng.integers(low, high, endpoint=True))):
        if rng.random() < 0.5:
            size = (int(rng.uniform(0.03, 0.06) * width), 2 * height)
        else:
            size = (int(rng.uniform(0.08, 0.15) * width), int(rng.uniform(0.2, 0.4) * height))
        sprite = appearance.occluder_sprite(rng, max(size[0], 4), max(size[1], 4))
        place = rng.uniform(0.15, 0.85, 2) * (width, height)
        angle = np.full(len(camera), rng.normal(0, 0.12))
        layers.append(
            Layer(sprite, Motion(place + _PARALLAX * camera, np.ones(len(camera)), angle))
        )
    return layers
