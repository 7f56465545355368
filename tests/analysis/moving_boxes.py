"""Scenes of moving rectangles: objects and tracks as plain numbers, which any tool can be given.

A scene is a dictionary for JSON. `videos` is a list of {"frames", "objects", "tracks"}. An object
has "category", "boxes" (for each frame [x, y, width, height] or null) and "occlusion" (for each
frame a label or null, or null alone), a track "category", "score" and "boxes".
"""

import numpy as np

from ovis_jax.formats import rle
from ovis_jax.formats.annotations import Annotations, Category, Instance, Video
from ovis_jax.formats.results import TrackResult
from ovis_jax.formats.segmentations import Segmentations

HEIGHT, WIDTH = 32, 48
LEVELS = ("no_occlusion", "slight_occlusion", "severe_occlusion")


def random_scene(seed, videos=2, frames=9, categories=2) -> dict:
    """Objects that come and go; tracks that follow, miss, break, change over, or show nothing."""
    random = np.random.default_rng(seed)
    return {"videos": [_video(random, frames, categories) for _ in range(videos)]}


def annotations(scene) -> Annotations:
    """Ground truth for this project's functions; videos are counted from 1, objects from 101."""
    videos, kinds, objects = [], set(), []
    for number, video in enumerate(scene["videos"], 1):
        frames = video["frames"]
        videos.append(Video(number, WIDTH, HEIGHT, frames, (f"video{number}/0.jpg",) * frames))
        kinds |= {own["category"] for own in video["objects"] + video["tracks"]}
        for k, own in enumerate(video["objects"], 1):
            objects.append(_instance(100 * number + k, number, own))
    categories = tuple(Category(kind, f"kind {kind}") for kind in sorted(kinds))
    return Annotations("gt.json", tuple(videos), categories, tuple(objects), True)


def results(scene) -> list[TrackResult]:
    """Tracks for this project's functions."""
    return [
        TrackResult(number, own["category"], own["score"], _segmentations(own["boxes"]))
        for number, video in enumerate(scene["videos"], 1)
        for own in video["tracks"]
    ]


def masks(boxes) -> np.ndarray:
    """[frames, HEIGHT, WIDTH] bool."""
    shown = np.zeros((len(boxes), HEIGHT, WIDTH), bool)
    for frame, box in enumerate(boxes):
        if box is not None:
            x, y, width, height = box
            shown[frame, y : y + height, x : x + width] = True
    return shown


def _instance(number, video, own):
    shown = _segmentations(own["boxes"])
    labels = own.get("occlusion")
    return Instance(
        number,
        video,
        own["category"],
        own.get("crowd", False),
        shown,
        np.array([box or [np.nan] * 4 for box in own["boxes"]], float),
        shown.areas().astype(float),
        tuple(labels) if labels else None,
    )


def _segmentations(boxes):
    shown = masks(boxes)
    counts = [rle.encode(mask)["counts"] if mask.any() else None for mask in shown]
    return Segmentations((HEIGHT, WIDTH), counts, shown.sum((1, 2)).astype(np.int64))


def _video(random, frames, categories):
    objects = [_object(random, frames, categories) for _ in range(random.integers(1, 6))]
    tracks = []
    for _ in range(random.integers(1, 9)):
        followed = [objects[random.integers(len(objects))] for _ in range(2)]
        change = int(random.integers(frames)) if random.random() < 0.5 else frames
        boxes = followed[0]["boxes"][:change] + followed[1]["boxes"][change:]
        boxes = [_jittered(random, box) for box in boxes]
        if random.random() < 0.2:
            boxes = _object(random, frames, categories)["boxes"]
        tracks.append(
            {
                "category": followed[0]["category"],
                "score": round(float(random.random()), 6),
                "boxes": boxes,
            }
        )
    return {"frames": frames, "objects": objects, "tracks": tracks}


def _object(random, frames, categories):
    width, height = random.integers(5, 14, 2).tolist()
    x, y = random.uniform(0, WIDTH - width), random.uniform(0, HEIGHT - height)
    speed = random.uniform(-2, 2, 2)
    boxes, labels = [], []
    for _ in range(frames):
        x, y = np.clip([x, y] + speed, 0, [WIDTH - width, HEIGHT - height])
        shown = random.random() < 0.8
        boxes.append([round(x), round(y), width, height] if shown else None)
        labels.append(str(random.choice(LEVELS)) if shown else None)
    if not any(boxes):
        boxes[0], labels[0] = [0, 0, width, height], LEVELS[0]
    category = int(random.integers(1, categories + 1))
    return {"category": category, "boxes": boxes, "occlusion": labels}


def _jittered(random, box):
    """About the same box; of a size of its own, so that hardly two overlap equally much."""
    if box is None or random.random() < 0.15:
        return None
    x, y, width, height = (np.array(box) + random.integers(-1, 3, 4)).tolist()
    x, y = min(max(x, 0), WIDTH - width), min(max(y, 0), HEIGHT - height)
    return [x, y, width, height]
