"""Encoding the frames of a chunk on several devices at once, each its share of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import jax
import numpy as np
from jax.sharding import Mesh, NamedSharding, PartitionSpec

_AXIS = "frames"


def spread(encode: Callable, devices: Sequence[jax.Device]) -> Callable:
    """`encode`, compiled so that every device encodes as many consecutive frames as the others.

    The devices do not hear of each other: each runs the program that it would run alone for a video
    whose chunks are its share.

    Args:
      encode: `(variables, frames [B, ...], image_size [B, 2])` to arrays [B, ...] each.
      devices: B is a multiple of their number.
    """
    mesh = Mesh(np.array(devices), (_AXIS,))
    whole, shares = PartitionSpec(), PartitionSpec(_AXIS)
    places = [NamedSharding(mesh, own) for own in (whole, shares, shares)]
    each = jax.shard_map(
        encode, mesh=mesh, in_specs=(whole, shares, shares), out_specs=shares, check_vma=False
    )
    return jax.jit(each, in_shardings=tuple(places), out_shardings=places[-1])


def on_every(tree: Any, devices: Sequence[jax.Device]) -> Any:
    """A whole copy of a tree of arrays on each of the devices."""
    mesh = Mesh(np.array(devices), (_AXIS,))
    return jax.device_put(tree, NamedSharding(mesh, PartitionSpec()))
