"""Writes `crossvis.pth` beside it: what detectron2 saves in training, of a small CrossVIS.

    pip install -e '.[test]' torch==2.14.1
    PYTHONPATH=.:tests python tests/recorded/weights/make_crossvis.py

The numbers of a tensor follow from its name (`weights.numbers_by_name`), so that no second file
says what they are.
"""

import collections
import pathlib

import numpy as np
import torch
from weights.numbers_by_name import numbers_of
from weights.small_model import random_variables, small_crossvis_config

from ovis_jax.models.build import build_model
from ovis_jax.weights.maps.parts import resnet_model
from ovis_jax.weights.name_maps import NAME_MAPS
from ovis_jax.weights.rules import to_state_dict

PATH = pathlib.Path(__file__).parent / "crossvis.pth"
IDENTITIES, SAVED_AT = 37, 22999
STATISTICS = "mask_branch.refine.0.1"


def main() -> None:
    """Writes the file."""
    shapes = build_model(small_crossvis_config())[1]
    rules = NAME_MAPS["crossvis"].name_map(resnet_model(18)).rules
    ours = to_state_dict(random_variables(shapes), rules)
    state = collections.OrderedDict(
        (name, torch.from_numpy(numbers_of(name, x.shape))) for name, x in ours.items()
    )
    channels = state[f"{STATISTICS}.weight"].shape[0]
    assert channels == state[f"{STATISTICS}.running_mean"].shape[0]
    state[f"{STATISTICS}.num_batches_tracked"] = torch.tensor(SAVED_AT)
    state["cls.weight"] = torch.from_numpy(numbers_of("cls.weight", (IDENTITIES, 8)))
    state["cls.bias"] = torch.from_numpy(numbers_of("cls.bias", (IDENTITIES,)))
    state["mask_head.sizes_of_interest"] = torch.tensor([64, 128, 256, 512, 1024])
    state["mask_head._iter"] = torch.zeros([1])
    parameter = torch.nn.Parameter(state["cls.weight"].clone())
    optimizer = torch.optim.SGD([parameter], lr=0.005, momentum=0.9, weight_decay=1e-4)
    parameter.sum().backward()
    optimizer.step()
    scheduler = {"last_epoch": SAVED_AT, "milestones": np.array([15000, 21000]).tolist()}
    whole = {"model": state, "optimizer": optimizer.state_dict(), "scheduler": scheduler}
    torch.save(whole | {"iteration": SAVED_AT}, PATH)


if __name__ == "__main__":
    main()
