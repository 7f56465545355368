"""Writes the files beside it, with PyTorch and safetensors, which the tests do not need.

    pip install torch==2.13.0 safetensors numpy
    python tests/recorded/weights/make_files.py

`zip.pth` and `stream.pth` are the same object in the two kinds of torch.save; `parallel.pth` is a
state dict of DataParallel; `plain.safetensors` holds what safetensors can hold. `expected.npz` has
the values of all of them (bfloat16 as float32).
"""

import collections
import pathlib

import numpy as np
import safetensors.torch
import torch

FOLDER = pathlib.Path(__file__).parent
DTYPES = ("float16", "bfloat16", "float32", "float64", "int8", "int16", "int32", "int64", "uint8")


def tensors() -> dict[str, torch.Tensor]:
    """Every dtype and every kind of view."""
    base = torch.arange(24, dtype=torch.float32).reshape(4, 6) / 7
    found = {f"dtype.{name}": torch.arange(-3, 3).to(getattr(torch, name)) for name in DTYPES}
    found["dtype.bool"] = torch.tensor([True, False, True])
    found |= {
        "view.whole": base,
        "view.transposed": base.t(),
        "view.slice": base[1:, ::2],
        "view.row": base[2],
        "view.expanded": base[0, :3].expand(5, 3),
        "view.permuted": base.reshape(2, 3, 4).permute(2, 0, 1),
        "view.channels_last": base.reshape(1, 2, 3, 4).contiguous(
            memory_format=torch.channels_last
        ),
        "shape.scalar": torch.tensor(1.5),
        "shape.empty": torch.zeros(0, 3),
        "shape.empty_view": base[4:],
        "parameter.own": torch.nn.Parameter(torch.tensor([1.0, -2.0])),
        "parameter.view": torch.nn.Parameter(base[:, 1]),
        "parameter.frozen": torch.nn.Parameter(base[3], requires_grad=False),
    }
    return found


def main() -> None:
    """Writes all files."""
    torch.manual_seed(0)
    state = collections.OrderedDict(tensors())
    checkpoint = {
        "meta": {"epoch": 12, "CLASSES": ("person", "bird"), "seed": None, "tags": {"a", "b"}},
        "state_dict": state,
        "optimizer": {"state": {0: {"momentum_buffer": state["view.whole"]}}, "lr": 0.1},
    }
    torch.save(checkpoint, FOLDER / "zip.pth")
    torch.save(checkpoint, FOLDER / "stream.pth", _use_new_zipfile_serialization=False)
    net = torch.nn.Sequential(torch.nn.Conv2d(2, 3, 1), torch.nn.BatchNorm2d(3))
    parallel = torch.nn.DataParallel(net).state_dict()
    torch.save(parallel, FOLDER / "parallel.pth")
    plain = {name: x.detach().clone().contiguous() for name, x in state.items()}
    safetensors.torch.save_file(plain, FOLDER / "plain.safetensors", metadata={"format": "pt"})
    everything = state | parallel
    np.savez_compressed(FOLDER / "expected.npz", **{n: _numpy(x) for n, x in everything.items()})


def _numpy(x: torch.Tensor) -> np.ndarray:
    x = x.detach()
    return (x.float() if x.dtype == torch.bfloat16 else x).numpy()


if __name__ == "__main__":
    main()
