"""Operations of STEm-Seg against recorded ones; runs no network."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import linen as nn
from golden_folder import golden_arrays, golden_json

from ovis_jax.data.transforms import Resizing, frame_geometry
from ovis_jax.models.heads import cluster_embedding, semantic
from ovis_jax.models.heads.cluster_embedding import PixelEmbeddings
from ovis_jax.models.squeeze_expand import SqueezeConv
from ovis_jax.ops.clip_schedule import NEVER, ClipSchedule
from ovis_jax.ops.clustering import NONE, ClusterRules, cluster_pixels
from ovis_jax.ops.lovasz import lovasz_hinge
from ovis_jax.ops.masks import quarter_masks
from ovis_jax.ops.means import Mean
from ovis_jax.ops.resize import resize_trilinear

OPS, VALUES = golden_arrays("stem_seg", "ops.npz"), golden_json("stem_seg", "ops.json")
CLUSTERED = sorted(name for name in VALUES if name.startswith("cluster_"))
EMBEDDED = sorted(name for name in VALUES if name.startswith("embloss_"))


def channels_last(x, axis=0):
    return np.moveaxis(x, axis, -1)


@pytest.mark.parametrize("name", [x for x in OPS if x.startswith("grid/")])
def test_places_of_pixels(name):
    want = channels_last(OPS[name])
    found = cluster_embedding.pixel_grid(*want.shape[:2])
    np.testing.assert_allclose(found, want, atol=1e-6)


def test_enlarging_in_time_and_space():
    x = channels_last(OPS["up/in"])
    for factors in [(1, 2, 2), (2, 2, 2), (1, 4, 4)]:
        size = np.array(x.shape[:3]) * factors
        want = channels_last(OPS["up/out_{}{}{}".format(*factors)])
        np.testing.assert_allclose(resize_trilinear(x, *map(int, size)), want, atol=1e-6)


def test_squeezing_in_time():
    x = channels_last(OPS["pool/in"])
    found = nn.avg_pool(x[None], (3, 3, 3), (2, 1, 1), ((1, 1),) * 3)[0]
    np.testing.assert_allclose(found, channels_last(OPS["pool/out"]), atol=1e-6)
    # A convolution that changes nothing leaves the layer's norm, rectifier and mean.
    x = channels_last(OPS["gn/in"])
    identity = np.zeros((3, 3, 3, x.shape[-1], x.shape[-1]), np.float32)
    identity[1, 1, 1] = np.eye(x.shape[-1])
    params = {
        "conv": {"kernel": identity, "bias": np.zeros(x.shape[-1], np.float32)},
        "norm": {"scale": OPS["gn/weight"], "bias": OPS["gn/bias"]},
    }
    found = SqueezeConv(x.shape[-1]).apply({"params": params}, x[None])[0]
    want = np.maximum(channels_last(OPS["gn/out"]), 0)
    np.testing.assert_allclose(found, want, atol=1e-5)


def test_targets_at_a_quarter_of_the_size():
    packed = np.packbits(OPS["mask_down/in"].astype(bool), axis=-1)
    masks = quarter_masks(packed)
    np.testing.assert_array_equal(masks, OPS["mask_down/out"].astype(bool))
    labels = OPS["mask_down/categories"] - 1
    found = semantic.semantic_targets(masks, labels)
    np.testing.assert_array_equal(found, OPS["mask_down/semseg"])


@pytest.mark.parametrize("name, overlap", [("clips", 4), ("clips_overlap6", 6)])
def test_clips_of_videos(name, overlap):
    schedule = ClipSchedule(8, overlap)
    for length, want in VALUES[name].items():
        start, found = NEVER, []
        while (start := schedule.next_start(start, jnp.int32(length))) != NEVER:
            found.append(schedule.frames(start).tolist())
        assert found == want


def clustered(name, **rules):
    own = {key: OPS[f"{name}/{key}"] for key in ("embeddings", "bandwidths", "seediness")}
    deviation = VALUES[name]["stds"][0][-1] if VALUES[name]["stds"] else 0.3
    size = own["embeddings"].shape[1]
    free = np.full((len(own["embeddings"]), size - 2), 1 / deviation**2, np.float32)
    bandwidths = np.concatenate([own["bandwidths"], free], axis=1)
    everywhere = np.ones(len(bandwidths), bool)
    run = jax.jit(functools.partial(cluster_pixels, rules=ClusterRules(**rules)))
    labels = run(own["embeddings"], bandwidths, own["seediness"][:, 0], everywhere)
    return np.where(labels >= 0, labels + VALUES[name]["label_start"], labels)


@pytest.mark.parametrize("name", CLUSTERED)
def test_clusters_of_both_passes(name):
    np.testing.assert_array_equal(clustered(name), OPS[f"{name}/labels"])
    first = clustered(name, second_pass=NONE)
    np.testing.assert_array_equal(first, OPS[f"{name}/labels_primary"])


def test_the_hinge_and_its_gradient():
    for name in ("lovasz", "lovasz_all_background", "lovasz_all_foreground"):
        targets = OPS[f"{name}/labels"] > 0
        value, gradient = jax.jit(jax.value_and_grad(lovasz_hinge))(OPS[f"{name}/logits"], targets)
        np.testing.assert_allclose(value, VALUES[name], rtol=1e-5)
        np.testing.assert_allclose(gradient, OPS[f"{name}/grad"], atol=1e-6)


def pooled(clips):
    """How the published code joins the clips of one pass, of which training has only one."""
    lovasz, seeds = (
        sum((x[kind] for x in clips), Mean(0.0, 0)) for kind in ("lovasz", "seediness")
    )
    smoothness = sum(x["smoothness"].value for x in clips) / len(clips)
    return [
        lovasz.value,
        smoothness,
        seeds.replace(count=jnp.maximum(seeds.count - len(clips) + 1, 1)).value,
    ]


@pytest.mark.parametrize("name", EMBEDDED)
def test_losses_of_embeddings_and_their_gradient(name):
    maps = jnp.asarray(channels_last(OPS[f"{name}/map"], 1))

    def losses(maps):
        found = []
        for i, own in enumerate(maps):
            said = PixelEmbeddings(own[..., :4], own[..., 4:6], own[..., 6])
            arrays = (jnp.asarray(OPS[f"{name}/{kind}{i}"]) for kind in ("masks", "ignore"))
            masks, ignored = (x > 0 for x in arrays)
            found.append(cluster_embedding.embedding_losses(said, masks, ignored, shifted=True))
        parts = pooled(found)
        return parts[0] + 10 * parts[1] + parts[2], parts

    (total, parts), gradient = jax.jit(jax.value_and_grad(losses, has_aux=True))(maps)
    want = VALUES[name]["float64"]
    kinds = ("lovasz_loss", "variance_smoothness_loss", "seediness_loss")
    np.testing.assert_allclose(parts, [want[kind] for kind in kinds], rtol=2e-5)
    np.testing.assert_allclose(total, want["total"], rtol=2e-5)
    recorded = channels_last(OPS[f"{name}/grad"], 1)
    largest = max(np.abs(recorded).max(), 1e-6)
    np.testing.assert_allclose(gradient, recorded, rtol=0, atol=1e-4 * largest)


def test_losses_of_classes_and_foreground():
    targets, ignored = OPS["semantic/target"], OPS["semantic/ignore"] > 0

    def losses(classes, foreground):
        said = semantic.SemanticLogits(jnp.moveaxis(classes, 1, -1), foreground)
        return semantic.semantic_losses(said, targets, ignored)

    inputs = OPS["semantic/logits"], OPS["foreground/logits"]
    for i, name in enumerate(("semantic", "foreground")):
        one = functools.partial(lambda number, *x: losses(*x)[number], i)
        value, gradient = jax.jit(jax.value_and_grad(one, argnums=i))(*inputs)
        np.testing.assert_allclose(value, VALUES[name], rtol=1e-5)
        np.testing.assert_allclose(gradient, OPS[f"{name}/grad"], atol=1e-6)


@pytest.mark.parametrize("own", VALUES["resize_dims"], ids=lambda x: f"{x['width']}x{x['height']}")
def test_sizes_of_resized_frames(own):
    resizing = Resizing((own["max_dim"], own["min_dim"]), fit="short_side")
    found = frame_geometry(own["width"], own["height"], resizing)
    assert (found.width, found.height) == (own["new_width"], own["new_height"])
