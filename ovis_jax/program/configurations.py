"""Where the configurations are that come with the package: the folder `configs`."""

import importlib.util
import pathlib
import sys

from ovis_jax.formats.errors import InputError

_CHECKOUT = pathlib.Path(__file__).parents[2]


def find_configuration(name: str, checkout: pathlib.Path = _CHECKOUT) -> pathlib.Path:
    """The file of a configuration.

    It is that of the module `configs.NAME` where Python finds one, else `configs/NAME.py` beside
    the package. From anywhere else than its folder, a checkout is put last on the module path: a
    configuration imports its parts.

    Args:
      name: of a file in `configs/`, without ending.
      checkout: folder that holds the package.

    Raises:
      InputError: it is found nowhere.
    """
    if (found := _importable(name)) is not None:
        return found
    path = checkout / "configs" / f"{name}.py"
    if path.is_file():
        sys.path.append(str(checkout))
        if _importable(name) == path:
            return path
    raise InputError(
        f"--config: there is no configs/{name}.py, which is the default, in this installation;"
        " expected the configuration file of the model to fill"
    )


def _importable(name: str) -> pathlib.Path | None:
    """The file of the module `configs.NAME`, if there is one."""
    try:
        module = importlib.util.find_spec(f"configs.{name}")
    except ImportError:
        return None
    return pathlib.Path(module.origin) if module and module.origin else None
