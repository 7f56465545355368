"""Command line that writes a trained model as one file that runs without this package.

    ovis-jax export --checkpoint runs/quickstart --size 320 192 --output model.zip
        [--platforms cpu cuda tpu] [--causal] [--stablehlo DIR] [--saved-model DIR]

The file holds programs of `jax.export` with weights, how frames are prepared, the names of the
classes, and `load.py`, some 50 lines that run it. Exit codes: 0 done, 2 bad input.
"""

import argparse
import importlib.util
import sys
from collections.abc import Sequence

from ovis_jax.data.from_config import resizing
from ovis_jax.data.transforms import frame_geometry
from ovis_jax.export.artifact import description, frame_size, write_artifact
from ovis_jax.export.programs import Programs
from ovis_jax.export.stablehlo import write_stablehlo
from ovis_jax.formats.errors import InputError
from ovis_jax.predict.predictor import Predictor
from ovis_jax.predict.trained import chosen_config, load_trained
from ovis_jax.program import command_line
from ovis_jax.program.start import start
from ovis_jax.tools.options import export as parser
from ovis_jax.tools.output_paths import check_output, check_output_file


def main(arguments: Sequence[str] | None = None) -> int:
    """Exports, prints what was written, returns the exit code."""
    options, settings = parser().parse_with_settings(arguments)
    return command_line.run(lambda: run(options, settings))


def run(options: argparse.Namespace, settings: Sequence[str] = ()) -> None:
    """Does what the options say.

    Args:
      options: of the command.
      settings: fields of the configuration, "--config.FIELD=VALUE".

    Raises:
      InputError: the model cannot be read, something cannot be written, or TensorFlow is asked for
        and not installed.
    """
    check_output_file(options.output)
    for folder in filter(None, (options.stablehlo, options.saved_model)):
        check_output(folder)
    if options.saved_model:
        check_tensorflow()
    config = chosen_config(options.checkpoint, options.config, settings)
    start(config.matmul_precision)
    model = load_trained(options.checkpoint, config)
    predictor = Predictor(model, causal=options.causal, chunk=options.chunk)
    system, chunk = predictor.model.system, predictor.chunk
    geometry = frame_geometry(*options.size, resizing(config.data))
    tracks = config.capacity.tracks
    programs = Programs(system, model.variables, frame_size(geometry, chunk), tracks)
    about = description(system, geometry, options.size, chunk, model.categories)
    write_artifact(options.output, programs, about, geometry, options.platforms)
    print(f"{options.output}: {options.output.stat().st_size / 1e6:.1f} MB")
    if options.stablehlo:
        for path in write_stablehlo(options.stablehlo, programs, options.platforms):
            print(path)
    if options.saved_model:
        from ovis_jax.export.saved_model import write_saved_model  # imports TensorFlow

        write_saved_model(options.saved_model, programs)
        print(options.saved_model)


def check_tensorflow() -> None:
    """Raises InputError where TensorFlow is not installed."""
    try:
        there = importlib.util.find_spec("tensorflow")
    except ValueError:  # of a module that was set to None
        there = None
    if there is None:
        raise InputError("--saved-model: tensorflow is not installed")


if __name__ == "__main__":
    sys.exit(main())
