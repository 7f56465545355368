"""How programs start and end: flags in, one clear line and an exit code out.

Exit codes: 0 done; 1 a failure that is not the input's; 2 bad input.
"""

import ast
import pathlib
import sys
from collections.abc import Callable, Sequence
from typing import NoReturn

from absl import app, flags, logging

from ovis_jax.formats.errors import BAD_INPUT, InputError, problem_lines

FAILURE = 1
_PACKAGE = pathlib.Path(__file__).parents[1]


def run(main: Callable[[], None], expected: tuple[type[Exception], ...] = ()) -> NoReturn:
    """Reads the flags of the command line, calls `main`, and exits.

    Args:
      main: the program.
      expected: errors that are a failure but need no traceback.
    """
    try:
        parse_flags()
        start_logging()
        main()
    except InputError as error:
        end(error, BAD_INPUT)
    except expected as error:
        end(error, FAILURE)
    sys.exit(0)


def end(error: Exception, code: int) -> NoReturn:
    """Exits with a line on stderr for each problem."""
    logging.flush()
    for line in problem_lines(error):
        print(line, file=sys.stderr)
    sys.exit(code)


def parse_flags(
    known: flags.FlagValues = flags.FLAGS, arguments: Sequence[str] | None = None
) -> None:
    """Reads flags.

    Args:
      known: receives the values.
      arguments: name of the program, then what is to be read; None: those of this process.

    Raises:
      InputError: a flag, a configuration file or a field of it cannot be used.
    """
    app.define_help_flags()
    try:
        rest = known(sys.argv if arguments is None else arguments)[1:]
        if "config" in known and known.config is not None:
            known.config.keys()  # a file that cannot be loaded says so when it is first read
    except AttributeError as error:  # as ml_collections reports a field that does not exist
        message = _in_one_line(_unquoted(str(error)))
        raise InputError(f"--config: unknown field {message}") from error
    except (flags.Error, OSError, SyntaxError, ValueError, TypeError) as error:
        raise InputError(_in_one_line(str(error))) from error
    if rest:
        raise InputError(f"{rest[0]}: expected --flag=value")


def start_logging() -> None:
    """Logs to stderr: warnings of everybody, and what this package has to say."""
    logging.use_absl_handler()
    logging.set_verbosity(logging.INFO)
    logging.get_absl_handler().python_handler.addFilter(
        lambda record: record.levelno >= logging.converter.STANDARD_WARNING or _is_ours(record)
    )


def _is_ours(record) -> bool:
    return _PACKAGE in pathlib.Path(record.pathname).parents


def _in_one_line(text: str) -> str:
    return " ".join(text.split())


def _unquoted(text: str) -> str:
    """The text within `repr` quotes."""
    try:
        return str(ast.literal_eval(text))
    except (SyntaxError, ValueError):
        return text
