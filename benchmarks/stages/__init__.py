"""The stages of inference of each system, one system per file, for `benchmarks.inference`."""

import importlib
import importlib.util
import types


def stages_of_system(system: str) -> types.ModuleType:
    """The file of a system, by its name in `config.model`; `whole` where it has none."""
    own = f"{__name__}.{system}"
    return importlib.import_module(own if importlib.util.find_spec(own) else f"{__name__}.whole")
