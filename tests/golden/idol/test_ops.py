"""Operations of IDOL on recorded inputs of their own."""

import types

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from golden.idol.idol_model import record, settings

from ovis_jax.formats import rle
from ovis_jax.models.deformable_attention import DeformableAttention
from ovis_jax.models.deformable_transformer import inverse_sigmoid
from ovis_jax.models.heads import contrast
from ovis_jax.models.heads.dynamic_mask import mask_logits
from ovis_jax.models.heads.fused_mask import FusedMaskBranch
from ovis_jax.ops.boxes import EXCLUSIVE
from ovis_jax.ops.dynamic_masks import MaskNetwork
from ovis_jax.ops.level_geometry import LevelGeometry, level_geometry
from ovis_jax.ops.losses import linear_dice, sigmoid_focal
from ovis_jax.ops.nms import nms
from ovis_jax.ops.sim_ota import ADDED_TO_ENCLOSING, QueryBoxes, sim_ota
from ovis_jax.structures import FrameOutput
from ovis_jax.tracking.nearest_masks import paste_nearest
from ovis_jax.tracking.paste import OriginalFrame
from ovis_jax.weights.maps.idol import MASK_CONVS

TOLERANCE = 2e-5
CASES, PASTES, ITEMS = range(4), range(3), range(4)


def op(name):
    return record(name, "ops")


def on_frame(mask):
    """(columns, rows) [B, 2] float32 of masks of padding [B, h, w]."""
    inside = ~mask
    return np.float32(np.stack([inside.any(1).sum(-1), inside.any(2).sum(-1)], axis=-1))


def test_position_codes_with_padding():
    mask, want = op("position/mask"), op("position/out")
    geometry = LevelGeometry((mask.shape[1:],), jnp.asarray(on_frame(mask)[:, None]))
    (codes,) = geometry.position_codes(want.shape[1])
    np.testing.assert_allclose(np.moveaxis(codes, -1, 1), want, atol=2e-6)


def test_which_cells_lie_on_the_frame_and_where():
    mask, levels = op("valid/mask"), [op(f"valid/mask_l{i}") for i in range(4)]
    size = jnp.asarray(on_frame(mask)[:, ::-1])
    geometry = level_geometry([x.shape[1:] for x in levels], mask.shape[1:], size)
    for own, want in zip(geometry.split(geometry.on_frame()), levels, strict=True):
        np.testing.assert_array_equal(own, ~want)
    np.testing.assert_allclose(geometry.ratios, op("valid/ratios"), atol=1e-6)
    places = geometry.places()[:, :, None] * geometry.ratios[:, None]
    np.testing.assert_allclose(places, op("valid/enc_ref"), atol=1e-6)


def test_inverse_sigmoid():
    np.testing.assert_allclose(
        inverse_sigmoid(op("inverse_sigmoid/x")), op("inverse_sigmoid/out"), atol=1e-6
    )


@pytest.mark.parametrize("numbers", [2, 4])
def test_the_module_of_deformable_attention_with_padding(numbers):
    theirs = {
        "offsets": "sampling_offsets",
        "weights": "attention_weights",
        "values": "value_proj",
        "output": "output_proj",
    }
    params = {
        ours: {
            "kernel": op(f"deform_module/{name}.weight").T,
            "bias": op(f"deform_module/{name}.bias"),
        }
        for ours, name in theirs.items()
    }
    places, points = op(f"deform_module/ref{numbers}"), op("deform_module/loc2")
    heads, levels = points.shape[2:4]
    shapes = tuple(tuple(int(n) for n in x) for x in op("deform_attn/shapes"))
    assert len(shapes) == levels
    plain, padding = LevelGeometry(shapes, jnp.zeros((2, levels, 2))), op("deform_module/padding")
    geometry = types.SimpleNamespace(  # any cells are padding here
        shapes=shapes, sides=plain.sides, split=plain.split, on_frame=lambda: ~padding
    )
    module = DeformableAttention(heads, points.shape[4])
    out = module.apply(
        {"params": params}, op("deform_module/query"), places, op("deform_module/src"), geometry
    )
    want = op(f"deform_module/out{numbers}")
    np.testing.assert_allclose(out, want, atol=TOLERANCE * np.abs(want).max())


def test_masks_of_objects_of_two_frames_and_their_gradients():
    features = jnp.moveaxis(op("dynamic_mask/feat"), 1, -1)
    counts = op("dynamic_mask/num_insts")
    image = np.repeat(np.arange(len(counts)), counts)

    def draw(features, params):
        points = op("dynamic_mask/ref_px")[0]
        ones = jnp.ones(len(points))
        return mask_logits(features[image], params, points, ones, MaskNetwork())

    out, pull = jax.vjp(draw, features, jnp.asarray(op("dynamic_mask/params")[0]))
    own = (out, *pull(jnp.asarray(op("dynamic_mask/cotangent")[0])))
    wanted = (
        op("dynamic_mask/out")[0],
        np.moveaxis(op("dynamic_mask/grad_feat"), 1, -1),
        op("dynamic_mask/grad_params")[0],
    )
    for x, want in zip(own, wanted, strict=True):
        np.testing.assert_allclose(x, want, atol=TOLERANCE * np.abs(want).max())


def test_the_mask_branch_also_of_levels_that_do_not_double():
    params = {
        ours: {
            "kernel": op(f"mask_branch/{name}.weight").transpose(2, 3, 1, 0),
            "bias": op(f"mask_branch/{name}.bias"),
        }
        for name, ours in MASK_CONVS.items()
    }
    levels = [jnp.moveaxis(op(f"mask_branch/x{i}"), 1, -1) for i in range(3)]
    branch = FusedMaskBranch(num_features=op("mask_branch/out").shape[1])
    out = branch.apply({"params": params}, levels)
    want = np.moveaxis(op("mask_branch/out"), 1, -1)
    np.testing.assert_allclose(out, want, atol=TOLERANCE * np.abs(want).max())


def assigned(case, valid=None, best=10):
    targets = QueryBoxes.of(jnp.asarray(op(f"simota{case}/target_boxes")))
    valid = np.ones(len(targets.boxes), bool) if valid is None else valid
    probs = jax.nn.sigmoid(op(f"simota{case}/logits"))
    queries = QueryBoxes.of(jnp.asarray(op(f"simota{case}/boxes")))
    labels = jnp.asarray(op(f"simota{case}/target_labels"))
    return jax.device_get(sim_ota(probs, queries, labels, targets, jnp.asarray(valid), best=best))


@pytest.mark.parametrize("case", CASES)
def test_queries_of_each_object(case):
    found = assigned(case)
    selected = found.matched.any(axis=1)
    np.testing.assert_array_equal(selected, op(f"simota{case}/selected"))
    np.testing.assert_array_equal(found.matched.argmax(axis=1)[selected], op(f"simota{case}/gt"))
    np.testing.assert_array_equal(found.query, op(f"simota{case}/matched_query"))


@pytest.mark.parametrize("case", [0, 2])
@pytest.mark.parametrize("name, best", [("pos10", 10), ("near100", 100)])
def test_queries_in_a_reference_frame_that_lacks_an_object(case, name, best):
    found = assigned(case, op(f"simota{case}/valid"), best)
    np.testing.assert_array_equal(found.matched.T, op(f"simota{case}/{name}"))


def test_losses_of_single_items_and_their_gradients():
    logits, target = jnp.asarray(op("loss/logits")), op("loss/target")

    def focal(x):
        return sigmoid_focal(x, target > 0, 0.25, 2.0).mean()

    def dice(x):
        return linear_dice(jax.nn.sigmoid(x), target).mean()

    for loss, name in ((focal, "focal"), (dice, "dice")):
        value, slope = jax.value_and_grad(loss)(logits)
        np.testing.assert_allclose(value, op(f"loss/{name}")[0], rtol=TOLERANCE)
        want = op(f"loss/{name}_grad")
        np.testing.assert_allclose(slope, want, atol=TOLERANCE * np.abs(want).max())

    def giou(x):
        corners = (
            QueryBoxes.of(x).corners,
            QueryBoxes.of(jnp.asarray(op("loss/box_target"))).corners,
        )
        return 1 - EXCLUSIVE.paired_giou(*corners, added_to_enclosing=ADDED_TO_ENCLOSING)

    boxes = jnp.asarray(op("loss/box_pred"))
    np.testing.assert_allclose(giou(boxes), op("loss/giou"), atol=TOLERANCE)
    slope, want = jax.grad(lambda x: giou(x).sum())(boxes), op("loss/giou_grad")
    np.testing.assert_allclose(slope, want, atol=TOLERANCE * np.abs(want).max())


@pytest.mark.parametrize("item", ITEMS)
def test_contrast_of_an_object_and_its_gradient(item):
    products, label = op(f"reid/item{item}/contrast")[:, 0], op(f"reid/item{item}/label")
    cosines = op(f"reid/item{item}/cosine")[:, 0]
    positive, count = label == 1, len(ITEMS)
    for loss, x, name in (
        (contrast.contrast_loss, products, "contrast"),
        (contrast.cosine_loss, cosines, "cosine"),
    ):
        slope = jax.grad(loss)(jnp.asarray(x), positive, ~positive) / count
        want = op(f"reid/item{item}/{name}_grad")[:, 0]
        np.testing.assert_allclose(slope, want, atol=TOLERANCE * max(np.abs(want).max(), 1e-3))


def test_contrast_is_a_mean_over_objects():
    totals = np.zeros(2)
    for item in ITEMS:
        positive = op(f"reid/item{item}/label") == 1
        products, cosines = (op(f"reid/item{item}/{x}")[:, 0] for x in ("contrast", "cosine"))
        totals += (
            contrast.contrast_loss(products, positive, ~positive),
            contrast.cosine_loss(cosines, positive, ~positive),
        )
    want = op("reid/loss_reid")[0], op("reid/loss_reid_aux")[0]
    np.testing.assert_allclose(totals / len(ITEMS), want, rtol=TOLERANCE)


def test_suppression_of_boxes_within_classes():
    boxes = QueryBoxes.of(jnp.asarray(op("box_nms/boxes"))).corners
    scores = jnp.asarray(op("box_nms/scores"))
    labels, valid = jnp.asarray(op("box_nms/labels")), jnp.ones(len(scores), bool)
    keep = nms(boxes, scores, valid, settings()["box_nms"], convention=EXCLUSIVE, groups=labels)
    kept = np.flatnonzero(keep)
    best_first = kept[np.argsort(-np.asarray(scores)[kept], kind="stable")]
    np.testing.assert_array_equal(best_first, op("box_nms/keep"))


@pytest.mark.parametrize("case", PASTES)
def test_masks_in_the_original_frame(case):
    logits = op(f"paste{case}/logits")
    height, width, original_height, original_width = (int(x) for x in op(f"paste{case}/sizes"))
    objects = FrameOutput(*[None] * 8).replace(mask_logits=logits[None])
    scale = width / original_width, height / original_height
    (mask,) = paste_nearest(objects, OriginalFrame(original_height, original_width, scale))
    want = np.unpackbits(op(f"paste{case}/mask"))[: original_height * original_width]
    np.testing.assert_array_equal(rle.decode(mask).reshape(-1), want)
