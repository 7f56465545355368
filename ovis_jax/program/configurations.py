"""Configurations: found in the working folder or among those of the package, and loaded."""

import ast
import difflib
import pathlib
import sys
from collections.abc import Iterator, Sequence

from absl import flags
from ml_collections import ConfigDict, config_flags

from ovis_jax.formats.errors import InputError

INSTALLED = pathlib.Path(__file__).parents[1] / "configs"
"""Folder of the configurations that come with the package."""


def read_configuration(name: str, settings: Sequence[str] = ()) -> ConfigDict:
    """Loads a configuration and sets fields of it.

    Args:
      name: see `find_configuration`; NAME:TEXT gives a text to its `get_config`.
      settings: arguments of a command line, such as "--config.train.num_steps=10".

    Raises:
      InputError: there is no such file, it cannot be loaded, or a field cannot be set.
    """
    file, colon, text = name.partition(":")
    path = find_configuration(file)
    _import_from_working_folder()
    known = flags.FlagValues()
    arguments = ["ovis-jax", f"--config={path}{colon}{text}", *settings]
    sys.modules.pop("config_config", None)  # ml_collections runs a file in the one before it
    config_flags.DEFINE_config_file("config", flag_values=known, sys_argv=arguments)
    _parse(known, arguments)
    return known.config


def with_settings(config: ConfigDict, settings: Sequence[str]) -> ConfigDict:
    """A configuration with fields set; it itself stays as it is.

    Args:
      config: whole configuration.
      settings: as for `read_configuration`.

    Raises:
      InputError: a field cannot be set.
    """
    known = flags.FlagValues()
    arguments = ["ovis-jax", *settings]
    own = config.copy_and_resolve_references()
    try:
        config_flags.DEFINE_config_dict("config", own, flag_values=known, sys_argv=arguments)
    except AttributeError as error:  # here it looks at once whether the fields are there
        message = _in_one_line(_unquoted(str(error)))
        raise InputError(f"--config: unknown field: {message}") from error
    _parse(known, arguments)
    return known.config


def find_configuration(name: str) -> pathlib.Path:
    """The file of a configuration.

    What the working folder holds comes first: the path itself, also without its ending, or a file
    of its `configs/`. Then those that come with the package, by name or as `configs/NAME.py`.

    Args:
      name: path of a file, or its name with or without ending.

    Raises:
      InputError: it is found nowhere.
    """
    for path in _places(pathlib.Path(name)):
        if path.is_file():
            return path
    known = configuration_names()
    close = difflib.get_close_matches(pathlib.Path(name).stem, known)
    expected = f"did you mean {' or '.join(close)}?" if close else f"expected {', '.join(known)}"
    raise InputError(f"--config: {name}: no such file or configuration; {expected}")


def configuration_names() -> list[str]:
    """Names of the configurations that come with the package, sorted."""
    return sorted(path.stem for path in INSTALLED.glob("*.py") if path.stem != "__init__")


def _places(given: pathlib.Path) -> Iterator[pathlib.Path]:
    """Files that a name may mean, the first choice first."""
    if not given.name:
        return
    yield given
    file = given if given.suffix == ".py" else given.with_name(f"{given.name}.py")
    yield file
    if file.parent in (pathlib.Path(), pathlib.Path("configs")):
        yield pathlib.Path("configs") / file.name
        yield INSTALLED / file.name


def _import_from_working_folder() -> None:
    """Lets a configuration import its neighbours, however the program was started.

    `python -m` puts the working folder on the module path, a console command does not. It comes
    last: nothing in it hides what is installed.
    """
    folder = str(pathlib.Path.cwd())
    if folder not in sys.path and "" not in sys.path:
        sys.path.append(folder)


def _parse(known: flags.FlagValues, arguments: Sequence[str]) -> None:
    try:
        rest = known(arguments)[1:]
        known.config.keys()  # a file that cannot be loaded says so when it is first read
    except AttributeError as error:  # as ml_collections reports a field that does not exist
        message = _in_one_line(_unquoted(str(error)))
        what = "the file" if "'get_config'" in message else "unknown field"
        raise InputError(f"--config: {what}: {message}") from error
    except ImportError as error:
        raise InputError(f"--config: the file: {_in_one_line(str(error))}") from error
    except (flags.Error, OSError, SyntaxError, ValueError, TypeError) as error:
        raise InputError(_in_one_line(str(error))) from error
    if rest:
        raise InputError(f"{rest[0]}: expected --flag=value")


def _in_one_line(text: str) -> str:
    return " ".join(text.split())


def _unquoted(text: str) -> str:
    """The text within `repr` quotes."""
    try:
        return str(ast.literal_eval(text))
    except (SyntaxError, ValueError):
        return text
