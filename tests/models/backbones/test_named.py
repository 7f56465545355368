"""Backbones by name: what the name fixes, and what the other settings still say."""

import jax
import jax.numpy as jnp
import pytest

from configs import (
    crossvis_r50_ovis,
    idol_r50_ovis,
    queryvis_r50_ovis,
    quickstart,
    sipmask_r50_ovis,
    stem_seg_r50_ovis,
    stmask_r50_ovis,
    trades_r50_ovis,
)
from ovis_jax.models.backbones.convnext import ConvNeXt
from ovis_jax.models.backbones.named import NAMES, named_backbone
from ovis_jax.models.backbones.resnet import ResNet
from ovis_jax.models.backbones.swin import Swin
from ovis_jax.models.build import build_system

SETTINGS = dict(depth=18, norm="group", width=16, frozen_stages=-1)
# Channels of C5 at the published width; parameters, in thousands, as torchvision counts those of
# its classifiers without their heads (and here with four norms behind the outputs).
PUBLISHED = {
    "resnet50": (2048, 23508),
    "resnet101": (2048, 42500),
    "resnext50_32x4d": (2048, 22979),
    "resnext101_32x4d": (2048, 42128),
    "resnext101_64x4d": (2048, 81406),
    "swin_t": (768, 27520),
    "swin_t_mmdet": (768, 27520),
    "swin_t_timm": (768, 27520),
    "swin_l_mmdet": (1536, 195201),
    "convnext_t": (768, 27821),
}


def outputs(net, side: int = 32):
    images = jax.ShapeDtypeStruct((1, side, side, 3), jnp.float32)
    return jax.eval_shape(net.init_with_output, jax.random.key(0), images)


@pytest.mark.parametrize("name", PUBLISHED)
def test_a_named_backbone_has_the_published_size(name):
    maps, variables = outputs(named_backbone({"name": name}))
    channels, thousands = PUBLISHED[name]
    assert [x.shape for x in maps] == [
        (1, 32 // 2**i, 32 // 2**i, channels // 2 ** (5 - i)) for i in range(2, 6)
    ]
    assert sum(x.size for x in jax.tree.leaves(variables["params"])) // 1000 == thousands


def test_every_name_is_tested_here():
    assert set(PUBLISHED) | {"resnet"} == set(NAMES)


def test_the_width_scales_every_backbone():
    for name, channels in (("resnet50", 512), ("resnext50_32x4d", 512), ("swin_t", 192)):
        maps, _ = outputs(named_backbone(SETTINGS | {"name": name}))
        assert maps[-1].shape[-1] == channels


def test_settings_without_a_name_are_those_of_a_resnet():
    assert named_backbone(SETTINGS) == named_backbone(SETTINGS | {"name": "resnet"})
    assert named_backbone(SETTINGS) == ResNet(**SETTINGS)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"name": "vgg16"}, "backbone.name is 'vgg16'; expected one of .'resnet', 'resnet50'"),
        ({"name": "swin_t", "width": 11}, "backbone.width is 11; swin_t has 96 channels"),
        ({"name": "resnext50_32x4d", "width": 8}, "width is 8; groups of 4 channels at width 64"),
        ({"name": "swin_t", "deformable_every": 2}, "deformable_every is 2; swin_t has no blocks"),
        ({"depth": 18, "groups": 2}, "depth is 18; .50, 101. have groups"),
    ],
)
def test_what_nobody_can_build_is_an_error(settings, message):
    with pytest.raises(ValueError, match=message):
        outputs(named_backbone(settings))


def test_frozen_stages_receive_no_gradient():
    for net in (Swin(8, (1,) * 4, (1,) * 4), ConvNeXt(8, (1,) * 4)):
        net = net.clone(frozen_stages=2)
        images = jax.random.normal(jax.random.key(0), (1, 32, 32, 3))
        params = jax.jit(net.init)(jax.random.key(1), images)["params"]

        @jax.jit
        @jax.grad
        def gradient(params, net=net, images=images):
            return sum((x**3).sum() for x in net.apply({"params": params}, images))

        found = {
            part: max(float(jnp.abs(x).max()) for x in jax.tree.leaves(tree))
            for part, tree in gradient(params).items()
        }
        frozen = {part for part, largest in found.items() if largest == 0}
        assert frozen == {"stem", "stage1", "stage2"}


@pytest.mark.parametrize(
    "config",
    [
        quickstart,
        sipmask_r50_ovis,
        crossvis_r50_ovis,
        queryvis_r50_ovis,
        stem_seg_r50_ovis,
        stmask_r50_ovis,
        trades_r50_ovis,
        idol_r50_ovis,
    ],
)
def test_every_system_with_a_resnet_takes_another_backbone_by_one_field(config):
    config = config.get_config()
    if "num_identities" in config.model:
        config.model.num_identities = 3
    if "deformable_every" in config.model.backbone:
        config.model.backbone.deformable_every = 0
    config.model.backbone.name = "swin_t"
    assert type(build_system(config).backbone).__name__ == "Swin"
