"""How programs that a configuration describes start and end.

Exit codes: 0 done; 1 a failure that is not the input's; 2 bad input; 130 Ctrl-C.
"""

import pathlib
import sys
from collections.abc import Callable
from typing import NoReturn

from absl import flags, logging

from ovis_jax.formats.errors import BAD_INPUT, FAILURE, INTERRUPTED, InputError, problem_lines

_PACKAGE = pathlib.Path(__file__).parents[1]


def run(main: Callable[[], object], expected: tuple[type[Exception], ...] = ()) -> int:
    """Calls `main` and says how it ended.

    Args:
      main: the program.
      expected: errors that are a failure but need no traceback.

    Returns:
      Exit code; unless it is 0, a line for each problem has been written to stderr.
    """
    try:
        start_logging()
        main()
    except InputError as error:
        _report(error)
        return BAD_INPUT
    except expected as error:
        _report(error)
        return FAILURE
    return 0


def run_resumable(main: Callable[[], object], expected: tuple[type[Exception], ...] = ()) -> int:
    """As `run`, of a program that goes on where Ctrl-C ended it: with a line and `INTERRUPTED`."""
    try:
        return run(main, expected)
    except KeyboardInterrupt:
        logging.flush()
        print("interrupted; repeat the same line to go on", file=sys.stderr)
        return INTERRUPTED


def end(error: Exception, code: int) -> NoReturn:
    """Exits with a line on stderr for each problem."""
    _report(error)
    sys.exit(code)


def _report(error: Exception) -> None:
    logging.flush()
    for line in problem_lines(error):
        print(line, file=sys.stderr)


def start_logging() -> None:
    """Logs to stderr: warnings of everybody, and what this package has to say."""
    flags.FLAGS.mark_as_parsed()  # we define none; absl warns if they are not
    logging.use_absl_handler()
    # Not by `set_verbosity`, which lowers the root's level: handlers that libraries bring along, as
    # jax 0.7 does, would then write what they have to say.
    logging.get_absl_logger().setLevel(logging.converter.STANDARD_INFO)
    logging.get_absl_handler().python_handler.addFilter(
        lambda record: record.levelno >= logging.converter.STANDARD_WARNING or _is_ours(record)
    )


def _is_ours(record) -> bool:
    return _PACKAGE in pathlib.Path(record.pathname).parents
