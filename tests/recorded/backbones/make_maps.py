"""Records feature maps of torchvision, timm, mmdetection and IDOL, which the tests do not need.

    pip install torch==2.14.1 torchvision==0.29.1 timm==1.0.31 numpy
    python tests/recorded/backbones/make_maps.py [--libraries] [--mmdetection DIR] [--idol DIR]

Weights are made from their names, by the formula of `tests/golden/generated_weights.py`, frames
from their number. `maps.npz` has some numbers of each map, `weights.json` the checksum of every
tensor. `--libraries` records torchvision and timm. `--mmdetection` is a checkout of version 3.3, of
which two files are run, `--idol` one of VNext (e8b7bd5), of which one is (recorded with torch
2.13.0), with stand-ins for the registries around them. Other records stay.
"""

import argparse
import importlib.util
import json
import pathlib
import sys
import types
import zlib

import numpy as np
import torch
from torch import nn

FOLDER = pathlib.Path(__file__).parent
SEED = 5
# Every padded map has more than one window of 7 in both axes, where all libraries shift windows.
SIDES = {"swin": (256, 320), "swin_small": (96, 64), "resnet": (64, 96), "convnext": (64, 96)}
SMALL = "_small"  # frames whose maps have a single window in some axis
KEPT = 400  # numbers of a map


def main() -> None:
    """Writes both files."""
    maps, weights = {}, {}
    old = FOLDER / "maps.npz"
    if old.exists():
        maps |= dict(np.load(old))
        weights |= json.loads((FOLDER / "weights.json").read_text())
    for name, (net, features, kind) in networks(options()).items():
        print(name, flush=True)
        net.eval()
        entries = generate(net)
        if not name.endswith(SMALL):  # the same network once more
            weights[name] = entries
        with torch.no_grad():
            found = features(torch.from_numpy(frames(*SIDES[kind])))
        for i, each in enumerate(found, start=2):
            flat = each.contiguous().numpy().reshape(-1)
            maps[f"{name}.c{i}"] = flat[:: stride(flat.size)]
    np.savez_compressed(old, **maps)
    lines = ",\n".join(f"{json.dumps(k)}: {json.dumps(v)}" for k, v in weights.items())
    (FOLDER / "weights.json").write_text(f"{{{lines}}}\n")


def options() -> argparse.Namespace:
    """What is to be recorded."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--libraries", action="store_true")
    parser.add_argument("--mmdetection", type=pathlib.Path)
    parser.add_argument("--idol", type=pathlib.Path)
    return parser.parse_args()


def networks(wanted: argparse.Namespace) -> dict:
    """By name: the network, what makes maps [1, C, H, W] of frames with it, and its frames."""
    made = library_networks() if wanted.libraries else {}
    if wanted.mmdetection:
        net = mmdetection_swin(wanted.mmdetection)
        made["mmdet_swin_t"] = net, net, "swin"
        made["mmdet_swin_t_small"] = net, net, "swin_small"
    if wanted.idol:
        net = idol_swin(wanted.idol)
        made["idol_swin_l"] = net, lambda x: list(net(x).values()), "swin"
    return made


def library_networks() -> dict:
    """Those of torchvision and timm."""
    import timm
    import torchvision

    made = {}
    for name in ("resnet101", "resnext101_64x4d"):
        net = getattr(torchvision.models, name)()
        made[f"torchvision_{name}"] = net, resnet_maps(net), "resnet"
    net = timm.create_model("resnext101_32x4d")
    made["timm_resnext101_32x4d"] = net, timm_maps(net, last=4), "resnet"
    net = torchvision.models.swin_t()
    made["torchvision_swin_t"] = net, torchvision_maps(net, channels_last=True), "swin"
    made["torchvision_swin_t_small"] = net, torchvision_maps(net, channels_last=True), "swin_small"
    net = torchvision.models.convnext_tiny()
    made["torchvision_convnext_t"] = net, torchvision_maps(net, channels_last=False), "convnext"
    net = timm.create_model("convnext_tiny")
    made["timm_convnext_t"] = net, timm_maps(net, last=4), "convnext"
    net = timm.create_model("swin_tiny_patch4_window7_224", img_size=SIDES["swin"])
    made["timm_swin_t"] = net, timm_maps(net, last=4), "swin"
    return made


def resnet_maps(net):
    """Maps of torchvision's ResNets."""

    def features(x):
        x = net.maxpool(net.relu(net.bn1(net.conv1(x))))
        found = []
        for i in range(1, 5):
            x = getattr(net, f"layer{i}")(x)
            found.append(x)
        return found

    return features


def torchvision_maps(net, channels_last: bool):
    """Maps behind every second entry of `features`, the stages."""

    def features(x):
        found = []
        for i, part in enumerate(net.features):
            x = part(x)
            if i % 2:
                found.append(x.permute(0, 3, 1, 2) if channels_last else x)
        return found

    return features


def timm_maps(net, last: int):
    """The last maps of timm's networks."""
    return lambda x: net.forward_intermediates(x, norm=False, intermediates_only=True)[-last:]


def frames(height: int, width: int) -> np.ndarray:
    """Normalised frames [1, 3, H, W]."""
    generator = np.random.Generator(np.random.PCG64(SEED))
    return generator.standard_normal((1, height, width, 3), np.float32).transpose(0, 3, 1, 2)


def stride(size: int) -> int:
    """Every so many-th number of a map is kept; odd, to fall in step with no axis."""
    every = max(size // KEPT, 1)
    return every + 1 - every % 2


def generate(net: nn.Module) -> list[dict]:
    """Fills a network, and says with what."""
    entries, state = [], net.state_dict()
    for name, tensor in state.items():
        if not tensor.is_floating_point():
            continue
        entry = {"name": name, "shape": list(tensor.shape)} | scales(name, tensor.shape)
        value = generated(entry)
        tensor.copy_(torch.from_numpy(value))
        entries.append(entry | {"crc32": zlib.crc32(value.astype("<f4").tobytes())})
    return entries


def scales(name: str, shape: tuple[int, ...]) -> dict:
    """Mean and deviation by which activations stay of one size through many blocks."""
    last, how = name.rsplit(".", 1)[-1], {"abs": False}
    if last == "running_var":
        return {"scale": 0.2, "offset": 1.0, "abs": True}
    if last == "running_mean":
        return {"scale": 0.1, "offset": 0.0, **how}
    if last in ("layer_scale", "gamma"):
        return {"scale": 0.1, "offset": 0.5, **how}
    if last == "relative_position_bias_table":
        return {"scale": 0.5, "offset": 0.0, **how}
    if len(shape) == 1:
        offset = 0.3 if "bn3" in name else 1.0
        return {"scale": 0.1, "offset": offset if last == "weight" else 0.0, **how}
    return {"scale": float(np.sqrt(1 / np.prod(shape[1:]))), "offset": 0.0, **how}


def generated(entry: dict) -> np.ndarray:
    """One tensor, from its name; as in `tests/golden/generated_weights.py`."""
    generator = np.random.Generator(np.random.PCG64(zlib.crc32(entry["name"].encode()) + SEED))
    z = generator.standard_normal(entry["shape"], dtype=np.float32)
    z = np.abs(z) if entry["abs"] else z
    return np.asarray(np.float32(entry["offset"]) + np.float32(entry["scale"]) * z)


def mmdetection_swin(root: pathlib.Path) -> nn.Module:
    """Swin-T of a checkout of mmdetection."""
    stand_ins()
    load("mmdet.models.layers", root / "mmdet/models/layers/transformer/utils.py")
    return load(
        "mmdet.models.backbones.swin", root / "mmdet/models/backbones/swin.py"
    ).SwinTransformer()


def idol_swin(root: pathlib.Path) -> nn.Module:
    """Swin-L of a checkout of VNext, as IDOL's configuration has it."""
    put_in_place(
        {
            "timm.models.layers": dict(DropPath=lambda _: nn.Identity(), to_2tuple=pair)
            | {"trunc_normal_": lambda tensor, std: tensor},
            "detectron2.modeling": dict(
                BACKBONE_REGISTRY=types.SimpleNamespace(register=lambda: lambda kind: kind),
                Backbone=nn.Module,
                ShapeSpec=None,
            ),
        }
    )
    swin = load("idol_swin", root / "projects/IDOL/idol/backbone/swin.py")
    sizes = dict(embed_dim=192, depths=[2, 2, 18, 2], num_heads=[6, 12, 24, 48], window_size=12)
    net = swin.SwinTransformer(**sizes)
    for parameter in net.parameters():
        parameter.requires_grad_(False)
    return net


def load(name: str, path: pathlib.Path) -> types.ModuleType:
    """Runs a file as a module."""
    spec = importlib.util.spec_from_file_location(name, path)
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


class FFN(nn.Module):
    """What mmcv's feed-forward network computes, with its names."""

    def __init__(self, embed_dims, feedforward_channels, **options):
        super().__init__()
        del options
        first = nn.Sequential(nn.Linear(embed_dims, feedforward_channels), nn.GELU(), nn.Identity())
        self.layers = nn.Sequential(
            first, nn.Linear(feedforward_channels, embed_dims), nn.Identity()
        )

    def forward(self, x, identity):
        """Adds what it makes of `x`."""
        return identity + self.layers(x)


class Module(nn.Module):
    """Takes the settings of an initialisation and does nothing with them."""

    def __init__(self, init_cfg=None):
        super().__init__()


class Registry:
    """Registers nothing."""

    def register_module(self, *arguments, **options):
        """A decorator that changes nothing."""
        return lambda module: module


def stand_ins() -> None:
    """Modules with the names that the two files import."""

    def norm(settings, channels):
        return "norm", nn.LayerNorm(channels)

    def convolution(settings, **options):
        return nn.Conv2d(**options)

    made = {
        "mmcv.cnn": dict(
            build_norm_layer=norm,
            build_conv_layer=convolution,
            build_activation_layer=None,
            Linear=nn.Linear,
        ),
        "mmcv.cnn.bricks.transformer": dict(FFN=FFN, build_dropout=lambda _: nn.Identity()),
        "mmcv.cnn.bricks.drop": dict(Dropout=nn.Dropout),
        "mmengine.logging": dict(MMLogger=None),
        "mmengine.model": dict(BaseModule=Module, ModuleList=nn.ModuleList),
        "mmengine.model.weight_init": dict.fromkeys(
            ("constant_init", "trunc_normal_", "trunc_normal_init")
        ),
        "mmengine.runner.checkpoint": dict(CheckpointLoader=None),
        "mmengine.utils": dict(to_2tuple=pair),
        "mmdet.registry": dict(MODELS=Registry()),
        "mmdet.utils": dict(OptConfigType=object, OptMultiConfig=object),
        "mmdet.models.backbones": {},
    }
    put_in_place(made)


def pair(value):
    """The value twice, unless it is a pair."""
    return value if isinstance(value, tuple) else (value, value)


def put_in_place(made: dict[str, dict]) -> None:
    """Modules of these names, with these contents."""
    for name, content in made.items():
        parts = name.split(".")
        for i in range(1, len(parts)):
            sys.modules.setdefault(".".join(parts[:i]), types.ModuleType(".".join(parts[:i])))
        module = types.ModuleType(name)
        module.__dict__.update(content)
        sys.modules[name] = module


if __name__ == "__main__":
    main()
