"""The recorded training batch of STMask: two pairs of frames, and losses."""

import functools

import jax
import numpy as np
from golden.cmasktrack_rcnn.published_model import clip_canvases
from golden.stmask.stmask_model import record, settings
from golden_folder import golden_json

from ovis_jax.data.clips import ClipShape, empty_clip

PAIRS = (0, 1)
FRAMES = (0, 1)


def losses() -> dict:
    """Losses, counts and gradients of the records."""
    return golden_json("stmask", "train.json")


def of_frame(pair: int, frame: int, name: str) -> np.ndarray:
    """An annotated array of a frame."""
    return record(f"pair{pair}/{frame}/{name}", "train")


@functools.cache
def batch():
    """Two clips, in numpy; boxes are those of the records in pixels of the canvas."""
    width, height = settings()["train_scale"]
    capacity = max(len(of_frame(p, f, "ids")) for p in PAIRS for f in FRAMES) + 1
    canvas = (
        record("pair0/0/masks_packed", "train").shape[1],
        8 * record("pair0/0/masks_packed", "train").shape[2],
    )
    clips = empty_clip(*canvas, ClipShape(2, 2, capacity), leading=(len(PAIRS),))
    clips.image_size[:] = height, width
    for pair, info in zip(PAIRS, losses()["pairs"], strict=True):
        frames = record(f"pair{pair}/resized_bgr", "train")
        frames = frames[:, :, ::-1] if info["flip"] else frames
        clips.frames[pair] = clip_canvases(frames)
        for frame in FRAMES:
            count = len(of_frame(pair, frame, "ids"))
            own = jax.tree.map(lambda x, p=pair, f=frame: x[p, f], clips.instances)
            scale = np.float32([canvas[1], canvas[0], canvas[1], canvas[0]])
            own.boxes[:count] = of_frame(pair, frame, "boxes") * scale
            own.labels[:count] = of_frame(pair, frame, "labels") - 1
            own.identities[:count] = of_frame(pair, frame, "ids")
            own.masks[:count] = of_frame(pair, frame, "masks_packed")
            own.valid[:count] = True
    return clips
