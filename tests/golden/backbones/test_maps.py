"""Feature maps of whole backbones against those of torchvision, timm, mmdetection and IDOL.

The records are made by `tests/recorded/backbones/make_maps.py`.
"""

import functools
import json
import pathlib

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from golden.generated_weights import checked_tensors

from ovis_jax.models.backbones.named import named_backbone
from ovis_jax.weights.maps import convnext, idol, swin
from ovis_jax.weights.maps.parts import named_model, resnet
from ovis_jax.weights.rules import NameMap, convert_state

pytestmark = pytest.mark.exhaustive

FOLDER = pathlib.Path(__file__).parents[2] / "recorded/backbones"
SEED = 5
KEPT = 400
SMALL = "_small"
SIDES = {"swin": (256, 320), "swin_small": (96, 64), "resnet": (64, 96), "convnext": (64, 96)}
# Record: name of the backbone here. Outputs of classifiers have no norms, those of mmdetection do.
CLASSIFIERS = {
    "torchvision_resnet101": "resnet101",
    "torchvision_resnext101_64x4d": "resnext101_64x4d",
    "timm_resnext101_32x4d": "resnext101_32x4d",
    "torchvision_swin_t": "swin_t",
    "torchvision_swin_t_small": "swin_t",
    "timm_swin_t": "swin_t_timm",
    "torchvision_convnext_t": "convnext_t",
    "timm_convnext_t": "convnext_t",
}
DETECTORS = {
    "mmdet_swin_t": "swin_t_mmdet",
    "mmdet_swin_t_small": "swin_t_mmdet",
    "idol_swin_l": "swin_l_mmdet",
}
NAMES = {
    "torchvision_swin_t": swin.TORCHVISION,
    "timm_swin_t": swin.TIMM,
    "torchvision_convnext_t": convnext.TORCHVISION,
    "timm_convnext_t": convnext.TIMM,
}


@functools.cache
def maps() -> dict[str, np.ndarray]:
    return dict(np.load(FOLDER / "maps.npz"))


@functools.cache
def variables(record: str) -> dict:
    """Ours, from the generated tensors under the names of the record's library."""
    tensors = json.loads((FOLDER / "weights.json").read_text())[record]
    name = CLASSIFIERS.get(record) or DETECTORS[record]
    rules = rules_of(record)
    state = checked_tensors([each for each in tensors if each["name"] in rules], SEED)
    net = backbone(record)
    shapes = jax.eval_shape(net.init, jax.random.key(0), jnp.zeros((1, 32, 32, 3)))
    template = {collection: {"backbone": tree} for collection, tree in shapes.items()}
    found = convert_state(state, NameMap(rules, fresh=swin.OUTPUT_NORMS), template, name)
    unread = jax.tree.map(lambda x: np.full(x.shape, np.nan, np.float32), template)
    return {key: tree["backbone"] for key, tree in found.complete(unread).items()}


def rules_of(record: str) -> dict:
    if record == "idol_swin_l":
        rules = idol.rules(named_model(DETECTORS[record])).items()
        start = idol.BACKBONE
        return {name.removeprefix(start): own for name, own in rules if name.startswith(start)}
    if record in DETECTORS:
        return swin.mmdet_rules(named_model(DETECTORS[record]), "")
    if record in NAMES:
        return NAMES[record].rules(backbone(record).blocks)
    return resnet("", backbone(record).depth)


def backbone(record: str):
    if record in DETECTORS:
        return named_backbone({"name": DETECTORS[record]})
    net = named_backbone({"name": CLASSIFIERS[record]})
    return net.clone(output_norm=False) if record in NAMES else net


def frames(height: int, width: int) -> jax.Array:
    generator = np.random.Generator(np.random.PCG64(SEED))
    return jnp.asarray(generator.standard_normal((1, height, width, 3), np.float32))


@functools.cache
def compiled(net):
    return jax.jit(net.apply)


def thinned(output: jax.Array) -> np.ndarray:
    """The numbers of a map [1, H, W, C] that are recorded."""
    flat = np.asarray(output).transpose(0, 3, 1, 2).reshape(-1)
    every = max(flat.size // KEPT, 1)
    return flat[:: every + 1 - every % 2]


@pytest.mark.parametrize("name", [*CLASSIFIERS, *DETECTORS])
def test_maps_are_those_of_the_library(name):
    record = name.removesuffix(SMALL)
    kind = next(kind for kind in ("swin", "convnext", "resnet") if kind[:4] in record)
    sides = SIDES[kind + name.removeprefix(record)]
    net = backbone(record)
    outputs = compiled(net)(variables(record), frames(*sides))
    for i, output in enumerate(outputs, start=2):
        assert output.shape[1:3] == tuple(side // 2**i for side in sides)
        want = maps()[f"{name}.c{i}"]
        atol = 1e-5 * np.abs(want).max()
        np.testing.assert_allclose(thinned(output), want, rtol=0, atol=atol)


def test_libraries_do_not_agree_at_borders():
    """The records tell the three rules apart; see `Swin`."""
    for name, sides, borders in (
        ("torchvision_swin_t_small", "swin_small", "mmdetection"),
        ("mmdet_swin_t_small", "swin_small", "torchvision"),
        ("timm_swin_t", "swin", "torchvision"),
    ):
        record = name.removesuffix(SMALL)
        other = backbone(record).clone(borders=borders)
        output = compiled(other)(variables(record), frames(*SIDES[sides]))[-1]
        assert np.abs(thinned(output) - maps()[f"{name}.c5"]).max() > 0.01
