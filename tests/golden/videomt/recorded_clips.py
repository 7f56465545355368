"""The recorded clips as a batch, with the objects and the points of the records."""

import functools

import jax
import numpy as np
from golden.videomt.videomt_model import record, settings
from golden_folder import golden_json

from ovis_jax.models.clip_matching import clip_objects
from ovis_jax.models.query_losses import PointDraws, QueryLosses
from ovis_jax.structures import Clips, Instances

OBJECTS = 5


def recorded(run):
    return golden_json("videomt", f"train_{run}.json")


def outputs():
    """Names of the predictions that are taught, the final one last."""
    count = settings()["model"]["num_blocks"]
    return [f"aux{i}" for i in range(count - 1)] + ["final"]


def points_of(kind, row, count):
    """The rule of the records in place of random numbers."""
    j = np.arange(1, count + 1)
    x = (49471 * j + 12289 * row + 20011 * kind) % 65536
    y = (37339 * j + 9973 * row + 30011 * kind) % 65536
    return (np.stack([x, y], axis=-1) + 0.5).astype(np.float32) / 65536


@functools.cache
def batch(run):
    """The clips, with an object in the slot of its number."""
    config = recorded(run)["config"]
    multiple, shift = settings()["div"], settings()["S"]
    videos = ["a", "b"][: len(recorded(run)["ids"])]
    height, width = (
        side + -side % multiple for side in record("images_a", f"train_{run}").shape[1:3]
    )
    frames, masks, valid, sizes = [], [], [], []
    for number, video in enumerate(videos):
        images = record(f"images_{video}", f"train_{run}")
        index = record(f"gt_index_{video}", f"train_{run}")
        pads = [(0, 0), (0, height - images.shape[1]), (0, width - images.shape[2])]
        frames.append(np.pad(images, [*pads, (0, 0)]))
        own = np.pad(index, pads)[:, None] == np.arange(1, OBJECTS + 1)[:, None, None]
        masks.append(np.packbits(own, axis=-1))
        seen = np.ones((len(images), OBJECTS), bool)
        for thing, frame in config["absent"][number]:
            seen[frame, thing] = False
        valid.append(seen)
        sizes.append(images.shape[1:3])
    valid = np.stack(valid)
    numbers = np.broadcast_to(np.arange(OBJECTS), valid.shape)
    classes = (7 * numbers + 3 * shift) % settings()["model"]["num_labels"]
    instances = Instances(
        boxes=np.zeros((*valid.shape, 4), np.float32),
        labels=np.where(valid, classes, 10**6),
        identities=np.where(valid, numbers, 0),
        masks=np.where(valid[..., None, None], np.stack(masks), 255),
        valid=valid,
    )
    return Clips(np.stack(frames), np.int32(sizes), instances, np.zeros(len(videos), np.int32))


def objects_of(run, labels):
    num_classes = settings()["model"]["num_labels"]
    collect = jax.vmap(lambda own: clip_objects(own, num_classes, labels))
    return jax.device_get(collect(batch(run).instances))


def matched_pairs(run, output):
    """(clip, object, query) in the order in which the reference finds them."""
    return [
        (entry["video"], target, query)
        for entry in recorded(run)["matching"]
        if entry["output"] == output
        for target, query in zip(entry["assigned_target"], entry["queries"], strict=True)
    ]


def number_of(run, clip, target):
    """Our number of an object, which is that of its first appearance, from the reference's."""
    ids = np.array(recorded(run)["ids"][clip])  # [T, objects], -1 where not visible
    first = (ids >= 0).argmax(axis=0)
    order = sorted(range(ids.shape[1]), key=lambda k: (first[k], k))
    return order.index(target)


def draws(run):
    """The recorded points of each prediction, in our places."""
    criterion = QueryLosses(num_points=recorded(run)["config"]["P"])
    num_clips, num_frames = batch(run).frames.shape[:2]
    found = []
    for output in outputs():
        chosen = record(f"{output}/points", f"train_{run}")
        points = np.full((num_clips, num_frames, OBJECTS, *chosen.shape[1:]), 0.5, np.float32)
        row = 0
        for clip in range(num_clips):
            own = [(target, q) for c, target, q in matched_pairs(run, output) if c == clip]
            for frame in range(num_frames):
                for target, _ in own:
                    points[clip, frame, number_of(run, clip, target)] = chosen[row]
                    row += 1
        assert row == len(chosen)
        split = criterion.num_uncertain
        matching = np.stack([points_of(0, 0, criterion.num_points)] * num_clips)
        found.append(PointDraws(matching, points[..., :split, :], points[..., split:, :]))
    return found
