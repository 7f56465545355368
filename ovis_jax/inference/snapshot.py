"""Where a video stands between two chunks, on the host, so that another process can go on."""

from __future__ import annotations

import dataclasses
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np


@dataclasses.dataclass(frozen=True, eq=False)
class Snapshot:
    """What a stream needs to go on behind whole chunks.

    Attributes:
      leaves: bytes, uint8 arrays, of the leaves of the VideoState.
      num_frames: that were read so far.
      canvas: (height, width) of the padded frames.
    """

    leaves: list[np.ndarray]
    num_frames: int
    canvas: tuple[int, int]


def take_snapshot(state: Any, num_frames: int, canvas: tuple[int, int]) -> Snapshot:
    """Copies a state to the host, which waits for the device; see `Snapshot`."""
    leaves = [np.asarray(leaf) for leaf in jax.tree.leaves(jax.device_get(state))]
    as_bytes = [np.frombuffer(leaf.tobytes(), np.uint8) for leaf in leaves]
    return Snapshot(as_bytes, num_frames, canvas)


def restored(snapshot: Snapshot, shapes: Any) -> Any:
    """The state of a snapshot.

    Args:
      snapshot: of a state with these shapes and types.
      shapes: a pytree like the state.

    Raises:
      ValueError: it is of another system.
    """
    expected, tree = jax.tree.flatten(shapes)
    leaves = [
        jnp.asarray(own.view(shape.dtype).reshape(shape.shape))
        for own, shape in zip(snapshot.leaves, expected, strict=True)
    ]
    return jax.tree.unflatten(tree, leaves)
