"""The recorded training batch of TraDeS as a Clips record, with the draws of its heat maps."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
from golden.trades.trades_model import manifest, record
from golden_folder import golden_json

from ovis_jax.data.clips import ClipShape, empty_clip
from ovis_jax.models.previous_heat import HeatNoise, NoiseDraws

FALSE_POSITIVE = HeatNoise().false_positive


def training() -> dict:
    """What is recorded of the batch in JSON."""
    return golden_json("trades", "train.json")


def pairs() -> list[dict]:
    """How each pair was drawn."""
    return list(training()["pairs"].values())


def objects_of(pair: dict, frame: int) -> list[dict]:
    """Annotated objects of a frame, as the reference read them."""
    objects = [a for a in training()["annotations"] if a["image_id"] == frame + 1]
    if frame == pair["prev"]:  # what the previous frame lacks was removed from its annotations
        objects = [a for a in objects if a["track_id"] in pair["pre_ids"]]
    return objects


def boxes_on_canvas(pair: dict, objects: list[dict]) -> np.ndarray:
    """[n, 4] boxes, mirrored, scaled and shifted as the reference did."""
    scale, offset = np.diag(np.array(pair["trans_input"])[:, :2]), np.array(pair["trans_input"])
    x, y, width, height = np.array([a["bbox"] for a in objects], np.float64).T
    if pair["flip"]:
        x = manifest()["clip"]["W"] - x - 1 - width
    corners = np.stack([x, y, x + width, y + height], axis=1)
    return (corners * np.tile(scale, 2) + np.tile(offset[:, 2], 2)).astype(np.float32)


def capacity() -> int:
    """Slots of the recorded targets."""
    return record("target/ind", "train").shape[1]


@functools.cache
def batch():
    """Both pairs; masks are those of the recorded targets, of the pixels that are read."""
    frames = record("image_bgr", "train"), record("previous_bgr", "train")
    count, height, width, _ = frames[0].shape
    clips = empty_clip(height, width, ClipShape(2, 1, capacity()), leading=(count,))
    clips.image_size[:] = height, width
    instances = clips.instances
    masks = record("target/instance_mask", "train")
    full = np.zeros((count, capacity(), height, width), bool)
    full[:, :, ::4, ::4] = masks
    instances.masks[:, 0] = np.packbits(full, axis=-1)
    for row, pair in enumerate(pairs()):
        for t, (number, images) in enumerate(
            zip((pair["frame"], pair["prev"]), frames, strict=True)
        ):
            clips.frames[row, t] = images[row][..., ::-1]
            objects = objects_of(pair, number)
            slots = slice(len(objects))
            instances.boxes[row, t, slots] = boxes_on_canvas(pair, objects)
            instances.labels[row, t, slots] = [a["category_id"] - 1 for a in objects]
            instances.identities[row, t, slots] = [a["track_id"] for a in objects]
            instances.valid[row, t, slots] = True
    return jax.tree.map(jnp.asarray, clips)


@functools.cache
def draws() -> NoiseDraws:
    """The random numbers of every object of the previous frames, in the reference's order."""
    count = len(pairs()), capacity()
    found = {
        "jitter": np.zeros((*count, 2)),
        "lost": np.ones(count),
        "false_positive": np.ones(count),
        "false_jitter": np.zeros((*count, 2)),
    }
    for row, pair in enumerate(pairs()):
        numbers = iter([value for _, value in pair["draws"]][1:])  # the first one flips the frame
        for slot in range(len(objects_of(pair, pair["prev"]))):
            found["jitter"][row, slot] = next(numbers), next(numbers)
            found["lost"][row, slot] = next(numbers)
            found["false_positive"][row, slot] = next(numbers)
            if found["false_positive"][row, slot] < FALSE_POSITIVE:
                found["false_jitter"][row, slot] = next(numbers), next(numbers)
        assert next(numbers, None) is None
        if not pair["flip"]:  # drawn, but with amplitudes of 0 and nothing lost
            found["lost"][row], found["false_positive"][row] = 1, 1
            found["jitter"][row], found["false_jitter"][row] = 0, 0
    return NoiseDraws(**{name: jnp.float32(x) for name, x in found.items()})
