"""How arrays lie on the devices: parameters everywhere, batches split by rows."""

from __future__ import annotations

import jax
import numpy as np
from jax.sharding import Mesh, NamedSharding, PartitionSpec

from ovis_jax.formats.errors import InputError


def data_mesh() -> Mesh:
    """All devices of all processes in one axis, "data"."""
    return Mesh(np.array(jax.devices()), ("data",))


def replicated(mesh: Mesh) -> NamedSharding:
    """A whole copy on every device."""
    return NamedSharding(mesh, PartitionSpec())


def by_batch(mesh: Mesh) -> NamedSharding:
    """Rows of the first axis spread over the devices."""
    return NamedSharding(mesh, PartitionSpec("data"))


def check_batch_size(batch_size: int, microbatches: int, mesh: Mesh) -> None:
    """Raises InputError unless every device gets equally many rows of every microbatch."""
    if microbatches < 1:
        raise InputError(f"config.train.microbatches: expected at least 1, is {microbatches}")
    if batch_size < 1 or batch_size % (mesh.size * microbatches):
        times = f" times {microbatches} microbatches" if microbatches > 1 else ""
        raise InputError(
            f"config.train.batch_size: expected a multiple of the {mesh.size} devices{times}, "
            f"is {batch_size}"
        )


def replicate(tree, mesh: Mesh):
    """Copies a tree of arrays, equal in every process, to all devices."""
    return jax.device_put(local_copy(tree), replicated(mesh))


def replicated_shapes(shapes, mesh: Mesh):
    """Shapes and dtypes with their place: a whole copy on every device."""
    place = replicated(mesh)
    return jax.tree.map(lambda x: jax.ShapeDtypeStruct(x.shape, x.dtype, sharding=place), shapes)


def split_batch(batch, mesh: Mesh):
    """Puts this process's rows of a batch on its devices; the result is the batch of all."""
    sharding = by_batch(mesh)
    return jax.tree.map(
        lambda rows: jax.make_array_from_process_local_data(sharding, np.asarray(rows)), batch
    )


def local_copy(tree):
    """Host copy of replicated arrays, independent of the mesh."""
    return jax.tree.map(np.asarray, tree)


def on_one_device(tree):
    """Copy of replicated arrays on one device of this process."""
    return jax.device_put(local_copy(tree), jax.local_devices()[0])
