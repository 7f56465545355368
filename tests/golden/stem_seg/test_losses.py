"""Targets, losses and gradients of the recorded clips, one of them with pixels to ignore."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from golden.stem_seg.stem_seg_model import (
    assert_recorded,
    network_input,
    published_stem_seg,
    record,
    settings,
)
from golden_folder import golden_json

from ovis_jax.models.clip_matching import clip_objects
from ovis_jax.models.heads.cluster_embedding import PixelEmbeddings
from ovis_jax.models.heads.semantic import SemanticLogits, semantic_targets
from ovis_jax.ops.masks import quarter_masks
from ovis_jax.structures import Instances
from ovis_jax.weights.maps import stem_seg
from ovis_jax.weights.rules import to_state_dict

LOSS_TOLERANCE, GRADIENT_TOLERANCE, NORM_TOLERANCE = 1e-4, 1e-2, 1e-3
CLIPS = (0, 1)
PARTS = {
    "lovasz": "part/lovasz_loss",
    "smoothness": "part/variance_smoothness_loss",
    "seediness": "part/seediness_loss",
    "semantic": "optim/semantic_segmentation_loss",
    "foreground": "optim/foreground",
}
every_clip = pytest.mark.parametrize("clip", CLIPS)


def recorded():
    return golden_json("stem_seg", "train.json")


def meta(clip):
    return recorded()["meta"][f"clip{clip}"]


def instances_of(clip) -> Instances:
    """[T, N, ...]: an object in the slot of its number, and an empty slot in front."""
    packed = np.swapaxes(record(f"clip{clip}/masks_resized_packed", "train"), 0, 1)
    height, width = meta(clip)["padded"]
    packed = np.pad(packed, [(0, 0), (1, 0), (0, height - packed.shape[2]), (0, 0)])
    num_frames, slots = packed.shape[:2]
    packed = np.pad(packed, [(0, 0)] * 3 + [(0, width // 8 - packed.shape[3])])
    labels = np.append(10**6, np.array(meta(clip)["category_ids"]) - 1)
    return Instances(
        boxes=jnp.zeros((num_frames, slots, 4)),
        labels=jnp.asarray(np.tile(labels, (num_frames, 1))),
        identities=jnp.asarray(np.tile(np.arange(slots), (num_frames, 1))),
        masks=jnp.asarray(packed),
        valid=jnp.asarray(np.tile(np.arange(slots) > 0, (num_frames, 1))),
    )


@functools.cache
def objects_of(clip):
    """Those of a clip, in numpy."""
    run = jax.jit(clip_objects, static_argnums=1)
    return jax.device_get(run(instances_of(clip), settings()["num_classes_with_background"] - 1))


def ignored_in(clip):
    packed = record(f"clip{clip}/ignore_packed", "train")
    return jnp.asarray(np.unpackbits(packed, axis=-1).astype(bool))


def frames_of(clip):
    rgb = record("clip_rgb", "inputs")[meta(clip)["frames"]]
    return network_input(rgb[:, :, ::-1] if meta(clip)["flip"] else rgb)


@every_clip
def test_targets(clip):
    objects = objects_of(clip)
    masks = np.swapaxes(jax.jit(quarter_masks)(objects.masks), 0, 1)[objects.valid]
    want = np.unpackbits(record(f"clip{clip}/masks_packed", "train"), axis=-1)
    np.testing.assert_array_equal(masks, want.astype(bool))
    labels = objects.labels[objects.valid]
    found = semantic_targets(jnp.asarray(masks), labels)
    np.testing.assert_array_equal(found, record(f"clip{clip}/semseg_target", "train"))


@every_clip
def test_losses_of_recorded_maps(clip):
    """All but that of the classes, whose logits were not recorded as a whole."""
    own = np.moveaxis(record(f"clip{clip}/embedding_output", "train"), 0, -1)
    foreground = record(f"clip{clip}/fg_logits", "train")
    classes = np.zeros((*foreground.shape, settings()["num_classes_with_background"]), np.float32)
    found = published_losses(
        PixelEmbeddings(own[..., :-3], own[..., -3:-1], own[..., -1]),
        SemanticLogits(classes, foreground),
        objects_of(clip),
        ignored_in(clip),
    )
    assert_losses({name: x for name, x in found.items() if name != "semantic"}, clip)


@functools.cache
def _system():
    return published_stem_seg()[0]


@jax.jit
def published_losses(pixels, logits, objects, ignored):
    return _system().clip_losses(pixels, logits, objects, ignored)


def assert_losses(found, clip):
    want = recorded()["float64"][f"clip{clip}"]
    weights = _system().weights
    for name, value in found.items():
        value = value / getattr(weights, name)
        np.testing.assert_allclose(value, want[PARTS[name]], rtol=LOSS_TOLERANCE, err_msg=name)
    if len(found) == len(PARTS):
        total = sum(found.values())
        np.testing.assert_allclose(total, want["total"], rtol=LOSS_TOLERANCE)


@functools.cache
def trained():
    """Losses of each clip, what is said of its pixels, and the gradient of the mean over clips."""
    system, variables = published_stem_seg()

    @jax.jit
    def run(variables, frames, objects, ignored):
        def total(params):
            own = variables | {"params": params}
            levels = system.apply(own, frames, method="pyramid")
            said = system.apply(own, tuple(x[None] for x in levels), method="decode")
            pixels, logits = jax.tree.map(lambda x: x[0], said)
            losses = system.clip_losses(pixels, logits, objects, ignored)
            return sum(losses.values()), (losses, pixels, logits)

        return jax.grad(total, has_aux=True)(variables["params"])

    found = [
        jax.device_get(run(variables, frames_of(c), objects_of(c), ignored_in(c))) for c in CLIPS
    ]
    gradient = jax.tree.map(lambda *x: sum(x) / len(x), *[gradient for gradient, _ in found])
    return [said for _, said in found], gradient


@pytest.mark.exhaustive
@every_clip
def test_losses_of_the_network(clip):
    losses, pixels, logits = trained()[0][clip]
    assert_losses(losses, clip)
    own = (pixels.embeddings, pixels.variances, pixels.seediness[..., None])
    assert_recorded(np.concatenate(own, axis=-1), f"clip{clip}/embedding_output", "train")
    both = np.concatenate([logits.classes, logits.foreground[..., None]], axis=-1)
    both = np.moveaxis(both, -1, 1)
    assert_recorded(both, f"clip{clip}/semseg_logits_t_c", "train", maps=False)


@pytest.mark.exhaustive
def test_gradients():
    _, gradient = trained()
    rules = stem_seg.rules(published_stem_seg()[0].backbone.depth)
    trained_rules = {
        name: rule
        for name, rule in rules.items()
        if rule.target.startswith("params/") and "batch" not in rule.target
    }
    ours = to_state_dict({"params": gradient}, trained_rules)
    compared, squares = 0, 0.0
    for name, want in recorded()["grads"].items():
        own = ours[name].reshape(-1)
        if want is None:
            assert not own.any(), name
            continue
        norm = np.linalg.norm(own.astype(np.float64))
        np.testing.assert_allclose(norm, want["norm64"], rtol=NORM_TOLERANCE, err_msg=name)
        samples = np.array(want["samples64"])
        found = own[:: want["stride"]][: len(samples)]
        error = np.linalg.norm(found - samples) / np.linalg.norm(samples)
        assert error <= GRADIENT_TOLERANCE, (name, error)
        compared, squares = compared + 1, squares + norm**2
    assert compared
    np.testing.assert_allclose(np.sqrt(squares), recorded()["grad_norm64"], rtol=NORM_TOLERANCE)
