"""Where can frames be fused: in feature maps, in RoI features, or in what is decided of them?

The reference frames are aligned without errors, by the true motion or the true identity. The box
head of a trained detector tells the class of annotated boxes of the validation videos from what is
fused, first as it is, then trained further on what is fused of the training videos. So what a way
of fusing can bring is known before a calibration is trained for it.
"""

from __future__ import annotations

import dataclasses
import functools
import pathlib
from collections.abc import Iterator

import jax
import jax.numpy as jnp
import numpy as np
import optax
from tqdm import tqdm

from experiments.harness.class_errors import ObjectsInFrames, error_counts, error_tables
from experiments.harness.experiment import Findings, Outcome
from experiments.harness.finished import FinishedRun
from experiments.harness.moved_features import MovedFeatures, moved_features
from experiments.harness.over_seeds import same_seeds
from experiments.harness.run_models import run_model
from ovis_jax.models.heads.box import BoxHead

REACHES = (1, 5)  # frames on either side
STEPS, BATCH, LEARNING_RATE = 500, 128, 0.004  # of further training of the head
_CHUNK = 256  # objects that are told at a time
STATES = {
    "as_is": "the head as it is",
    "trained": f"the head trained further, {STEPS} steps of {BATCH} objects",
}
NOTE = (
    "Annotated boxes of the validation videos: share whose class is not what the detector's box "
    "head tells. Maps: RoI features of the object and of boxes of the same size that moved as the "
    "object did, averaged, as if reference maps were moved along; weighed: through two matrices "
    "that are learned. RoI features: of the object's own annotated boxes. Logits: likewise. The "
    "number is that of frames on either side; those count in which the object is annotated."
)


@dataclasses.dataclass(frozen=True)
class Fusion:
    """A way to fuse.

    Attributes:
      kind: "frame", "maps", "weighed", "rois" or "logits".
      reach: frames on either side.
    """

    kind: str
    reach: int = 0

    @property
    def label(self) -> str:
        """As in "maps, 1"."""
        return f"{_NAMES[self.kind]}, {self.reach}" if self.reach else _NAMES[self.kind]


_NAMES = {
    "frame": "the frame alone",
    "maps": "maps",
    "weighed": "maps, weighed",
    "rois": "RoI features",
    "logits": "logits",
}
FUSIONS = (
    Fusion("frame"),
    *(Fusion(kind, reach) for reach in REACHES for kind in ("maps", "weighed", "rois", "logits")),
)


def fusion_levels(outcome: Outcome) -> Findings:
    """How many objects are taken for another class, by where frames are fused; of each row."""
    same_seeds(outcome.rows)
    tables, values = [], {}
    for number, (label, runs) in enumerate(outcome.rows.items()):
        found = [told(run) for run in runs]
        videos = len(runs[0].annotations.videos)
        for state, meaning in STATES.items():
            counts = [
                [error_counts(objects, classes[state][k], videos) for objects, classes in found]
                for k in range(len(FUSIONS))
            ]
            own_tables, numbers = error_tables(
                f"fusion_levels_{number}_{state}",
                f"{label}: objects taken for another class, by what is fused; {meaning}",
                [fusion.label for fusion in FUSIONS],
                np.array(counts),
                NOTE,
            )
            tables += own_tables
            values[f"{label}, {state}"] = numbers
    return Findings(tables, values={"fusion_levels": values})


def told(run: FinishedRun) -> tuple[ObjectsInFrames, dict[str, np.ndarray]]:
    """Objects of the validation videos, and by state the classes [fusions, O] that are told.

    Kept in the folder of the run.
    """
    kept = pathlib.Path(run.folder) / "fusion_levels.npz"
    names = [field.name for field in dataclasses.fields(ObjectsInFrames)]
    if not kept.exists():
        objects, classes = tell(run)
        np.savez(kept, **{name: getattr(objects, name) for name in names}, **classes)
    with np.load(kept, allow_pickle=False) as arrays:
        objects = ObjectsInFrames(*(arrays[name] for name in names))
        return objects, {state: arrays[state] for state in STATES}


def tell(run: FinishedRun) -> tuple[MovedFeatures, dict[str, np.ndarray]]:
    """Looks at the training and the validation videos of a run, and trains its head further."""
    model = run_model(run.folder)
    data = model.config.data
    training = moved_features(model, data.train_annotations, data.train_images, REACHES)
    validation = moved_features(model, data.eval_annotations, data.eval_images, REACHES)
    head, params = model.system.box, model.variables["params"]["box"]
    classes: dict[str, list[np.ndarray]] = {state: [] for state in STATES}
    for fusion in tqdm(FUSIONS, "fusions", unit="fusion", disable=None, leave=False):
        first = initial(params, training.own.shape[-1])
        classes["as_is"].append(classify(head, first, fusion, validation))
        last = train(head, first, fusion, training, seed=run.config["seed"])
        classes["trained"].append(classify(head, last, fusion, validation))
    return validation, {state: np.stack(found) for state, found in classes.items()}


def initial(params: dict, channels: int) -> dict:
    """Parameters of the head [...], and of `weighed`, which starts as the mean of both."""
    half = jnp.eye(channels) / 2
    return {"head": params, "own": half, "others": half}


def class_logits(head: BoxHead, params: dict, kind: str, given: dict) -> jax.Array:
    """[B, K] of the classes, without background, of `Inputs`."""

    def logits(features):
        return head.apply({"params": params["head"]}, features)[0][..., 1:]

    own = given["own"]
    if kind == "frame":
        return logits(own)
    if kind == "maps":
        count = given["counts"][:, None, None, None]
        return logits((own + count * given["others"]) / (1 + count))
    if kind == "weighed":
        others = jnp.where(given["counts"][:, None, None, None] > 0, given["others"], own)
        return logits(own @ params["own"] + others @ params["others"])
    near, valid = given["near"], given["valid"]  # [B, F, S, S, C], [B, F]
    if kind == "rois":
        return logits(jnp.einsum("bf...,bf->b...", near, valid / valid.sum(1, keepdims=True)))
    return jnp.einsum("bfk,bf->bk", logits(near), valid / valid.sum(axis=1, keepdims=True))


class Inputs:
    """What `class_logits` needs of some objects."""

    def __init__(self, objects: MovedFeatures, kind: str, reach: int):
        """Finds neighbours, once, where the way to fuse reads them; see `Fusion`."""
        self._objects, self._kind = objects, kind
        self._reach = REACHES.index(reach) if reach else 0
        self._neighbours = objects.neighbours(reach) if kind in ("rois", "logits") else None

    def __len__(self) -> int:
        """O, the number of objects."""
        return len(self._objects.tracks)

    def __getitem__(self, places: np.ndarray) -> dict[str, np.ndarray]:
        """Float32 arrays of the objects at [B] places."""
        objects, reach = self._objects, self._reach
        given = {"own": objects.own[places]}
        if self._kind in ("maps", "weighed"):
            given["others"] = objects.others[reach, places]
            given["counts"] = objects.counts[reach, places]
        elif self._neighbours is not None:
            neighbours = self._neighbours[places]
            given |= {"near": objects.own[neighbours], "valid": neighbours >= 0}
        return {name: own.astype(np.float32) for name, own in given.items()}


def classify(head: BoxHead, params: dict, fusion: Fusion, objects: MovedFeatures) -> np.ndarray:
    """[O] int, the class that is told of every object."""
    inputs = Inputs(objects, fusion.kind, fusion.reach)
    told_of = jax.jit(lambda given: class_logits(head, params, fusion.kind, given).argmax(-1))
    chunks = np.split(np.arange(len(inputs)), range(_CHUNK, len(inputs), _CHUNK))
    return np.concatenate([np.asarray(told_of(inputs[own])) for own in chunks])


def train(
    head: BoxHead, params: dict, fusion: Fusion, objects: MovedFeatures, *, seed: int
) -> dict:
    """The parameters after `STEPS` steps of gradient descent on the classes of objects."""
    inputs = Inputs(objects, fusion.kind, fusion.reach)
    schedule = optax.cosine_decay_schedule(LEARNING_RATE, STEPS)
    optimizer = optax.chain(optax.clip_by_global_norm(5.0), optax.sgd(schedule, momentum=0.9))
    step = jax.jit(functools.partial(_step, head, fusion.kind, optimizer))
    state = optimizer.init(params)
    for places in _drawn(len(inputs), seed):
        params, state = step(params, state, inputs[places], objects.classes[places])
    return params


def _drawn(count: int, seed: int) -> Iterator[np.ndarray]:
    rng = np.random.default_rng(seed)
    for _ in range(STEPS):
        yield rng.integers(0, count, BATCH)


def _step(head: BoxHead, kind: str, optimizer, params: dict, state, given: dict, classes):
    def loss(params):
        logits = class_logits(head, params, kind, given)
        return optax.softmax_cross_entropy_with_integer_labels(logits, classes).mean()

    updates, state = optimizer.update(jax.grad(loss)(params), state, params)
    return optax.apply_updates(params, updates), state
