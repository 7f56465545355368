"""The recorded training batch of CrossVIS, and the order in which the records hold its points."""

import dataclasses
import functools

import jax
import jax.numpy as jnp
import numpy as np
from golden.cmasktrack_rcnn.published_model import clip_canvases
from golden.crossvis.crossvis_model import bare_system, manifest, record
from golden_folder import golden_json

from ovis_jax.data.clips import ClipShape, empty_clip
from ovis_jax.models import crossvis_pairs as pairs
from ovis_jax.models.heads.fcos import STRIDES, FCOSMaps, FCOSTargets
from ovis_jax.structures import Clips, Instances

FRAMES = (0, 1)


def num_pairs() -> int:
    """B."""
    return len(golden_json("crossvis", "train.json")["pairs"])


def recorded_instances(pair: int, frame: int) -> dict[str, np.ndarray]:
    """What is annotated in one frame; masks [n, h, w] bool."""
    start = f"pair{pair}/frame{frame}/gt_"
    found = {name: record(start + name, "train") for name in ("boxes", "classes", "ids", "masks")}
    width = record(f"pair{pair}/frame{frame}/image", "train").shape[2]
    found["masks"] = np.unpackbits(found["masks"], axis=-1)[..., :width].astype(bool)
    return found


@functools.cache
def batch() -> Clips:
    """Both frames of all pairs, with the masks of both."""
    height, width = manifest()["padded_train"]
    counts = [len(recorded_instances(b, t)["ids"]) for b in range(num_pairs()) for t in FRAMES]
    shape = ClipShape(2, 2, max(counts) + 1)  # with an empty slot
    clips = empty_clip(height, width, shape, leading=(num_pairs(),))
    for b in range(num_pairs()):
        for t in FRAMES:
            image = np.moveaxis(record(f"pair{b}/frame{t}/image", "train"), 0, -1)
            assert clip_canvases(image).shape[:2] == (height, width)
            clips.frames[b, t] = clip_canvases(image)
            clips.image_size[b] = image.shape[:2]
            own = recorded_instances(b, t)
            fill(clips.instances, b, t, own)
    return jax.tree.map(jnp.asarray, clips)


def fill(instances, b: int, t: int, own: dict[str, np.ndarray]) -> None:
    """Writes what is annotated in one frame into the first slots."""
    count = len(own["boxes"])
    instances.boxes[b, t, :count] = own["boxes"]
    instances.labels[b, t, :count] = own["classes"]
    instances.identities[b, t, :count] = own["ids"] - 1
    instances.valid[b, t, :count] = True
    *_, height, width = own["masks"].shape
    canvas = np.zeros((count, instances.masks.shape[-2], 8 * instances.masks.shape[-1]), bool)
    canvas[:, :height, :width] = own["masks"]
    instances.masks[b, t, :count] = np.packbits(canvas, axis=-1)


def levels_of(canvas: tuple[int, int]) -> list[tuple[int, int]]:
    """Sizes of the maps of each level."""
    return [(-(-canvas[0] // stride), -(-canvas[1] // stride)) for stride in STRIDES]


def recorded_order(canvas: tuple[int, int], images: int) -> tuple[np.ndarray, np.ndarray]:
    """Image and point (of all levels) of each point in the order of the records.

    These go level by level, in a level image by image, in an image row by row.
    """
    counts = [h * w for h, w in levels_of(canvas)]
    starts = np.cumsum([0, *counts[:-1]])
    image = np.concatenate([np.repeat(np.arange(images), count) for count in counts])
    point = np.concatenate(
        [np.tile(start + np.arange(n), images) for start, n in zip(starts, counts, strict=True)]
    )
    return image, point


@functools.cache
def positive_order(frame: int) -> tuple[np.ndarray, np.ndarray]:
    """Row [2B] and slot [P] of each positive point of a frame, in the order of the records."""
    image, point = recorded_order(tuple(manifest()["padded_train"]), num_pairs())
    rows = frame * num_pairs() + image
    positives = jax.device_get(ours().positives)
    slot_of = {
        (row, positives.point[row, slot]): slot
        for row, slot in zip(*np.nonzero(positives.valid), strict=True)
    }
    found = [
        (row, slot_of[row, place])
        for row, place in zip(rows, point, strict=True)
        if (row, place) in slot_of
    ]
    return tuple(np.array(found).T)


@dataclasses.dataclass(frozen=True)
class Prepared:
    """What is known of the batch before the network is looked at.

    Attributes:
      maps: FCOSMaps of which only the sizes of levels are there.
      instances: of both frames, [2B, ...].
      targets: FCOSTargets, [2B, A, ...].
      positives: pairs.Positives.
    """

    maps: FCOSMaps
    instances: Instances
    targets: FCOSTargets
    positives: pairs.Positives


@functools.cache
def ours() -> Prepared:
    """Targets, positive points and instances of the batch."""
    system = bare_system()
    sizes = levels_of(manifest()["padded_train"])
    levels = tuple(jax.ShapeDtypeStruct((1, *size, 1), jnp.float32) for size in sizes)
    maps = FCOSMaps(
        logits=None, distances=None, centerness=None, class_features=levels, box_features=levels
    )
    instances = pairs.pair_instances(batch())
    targets = jax.jit(lambda own: system.targets(maps, own))(instances)
    positives = pairs.positive_points(targets, system.num_positives(batch()))
    return Prepared(maps, instances, targets, positives)


@functools.cache
def drawn() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Draws [B, 2, P] by the rule of the records, and what they lead to.

    The c-th point that has partners takes number 7 c + 3; c counts over all points of frame 0, then
    of frame 1, in the order of the records.

    Returns:
      The draws, the partners [2B, P], and which points have one, [2B, P].
    """
    own = ours()
    rows, slots = own.positives.valid.shape
    none = np.zeros((rows // 2, 2, slots), np.uint32)
    _, shared = jax.device_get(pairs.find_partners(own.positives, own.instances, none))
    numbers, count = np.zeros((rows, slots), np.uint32), 0
    for frame in FRAMES:
        for row, slot in zip(*positive_order(frame), strict=True):
            if shared[row, slot]:
                numbers[row, slot], count = 7 * count + 3, count + 1
    draws = np.stack(np.split(numbers, 2), axis=1)
    partners, _ = pairs.find_partners(own.positives, own.instances, draws)
    return draws, np.asarray(partners), shared
