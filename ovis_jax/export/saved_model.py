"""An exported model as TensorFlow's SavedModel, where TensorFlow is installed."""

from __future__ import annotations

import pathlib
from collections.abc import Callable

import jax
import jax.export
from jaxlib.mlir.dialects import stablehlo

from ovis_jax.data.quiet_tensorflow import tf
from ovis_jax.export.artifact import NAMES
from ovis_jax.export.programs import Programs


class _Model(tf.Module):
    """What is saved: weights and the first state as variables, `encode` and `step`."""

    def __init__(self, programs: Programs):
        super().__init__()
        self.weights = [tf.Variable(array, trainable=False) for array in programs.weights]
        self.state = [tf.Variable(array, trainable=False) for array in programs.state]


def write_saved_model(folder: pathlib.Path, programs: Programs) -> None:
    """Writes a SavedModel that runs where TensorFlow does, on the CPU.

    `encode(frames) -> features` and `step(state, features, exists) -> (state, outputs)` are those
    of `programs` without the weights, which the file holds; `state` is what a video begins with.

    Args:
      folder: of the SavedModel.
      programs: of the system.
    """
    model = _Model(programs)
    for name in NAMES:
        call, example = _callable(programs.exported(name, "cpu")), programs.example(name)[1:]
        setattr(model, name, _traced(model, call, example))
    tf.saved_model.save(model, str(folder))


def _callable(exported: jax.export.Exported) -> Callable:
    """An exported program as a function of TensorFlow.

    JAX writes StableHLO that readers of its own month know. TensorFlow is released more seldom, so
    the program is written again for readers of three months ago.
    """
    from tensorflow.compiler.tf2xla.python import xla  # once TensorFlow was imported quietly

    old = stablehlo.get_version_from_compatibility_requirement(
        stablehlo.StablehloCompatibilityRequirement.WEEK_12
    )
    module = stablehlo.serialize_portable_artifact_str(exported.mlir_module(), old)

    def call(*arguments):
        leaves = tf.nest.flatten(arguments)
        outputs = xla.call_module(
            [leaves[i] for i in exported.module_kept_var_idx],
            version=exported.calling_convention_version,
            module=module,
            Tout=[tf.as_dtype(x.dtype) for x in exported.out_avals],
            Sout=[x.shape for x in exported.out_avals],
            platforms=["CPU"],
        )
        return jax.tree.unflatten(exported.out_tree, outputs)

    return call


def _traced(model: _Model, call: Callable, example: tuple):
    signature = jax.tree.map(lambda x: tf.TensorSpec(x.shape, x.dtype), example)
    return tf.function(
        lambda *arguments: call(model.weights, *arguments),
        input_signature=signature,
        autograph=False,
    )
