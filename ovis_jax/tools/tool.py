"""How a tool with argparse options begins and ends; needs the base install only."""

import argparse
import sys
from collections.abc import Callable
from typing import NoReturn

from ovis_jax.formats.errors import InputError

BAD_INPUT = 2


class ToolParser(argparse.ArgumentParser):
    """Reports bad arguments as bad input: one line, exit code 2."""

    def error(self, message: str) -> NoReturn:
        """Ends the program."""
        self.exit(BAD_INPUT, f"{self.prog}: {message}\n")


def run_tool(
    parser: argparse.ArgumentParser,
    run: Callable[[argparse.Namespace], object],
    arguments: list[str] | None,
) -> int:
    """Does what the arguments say.

    Args:
      parser: reads them; its `prog` is the tool's name.
      run: takes the options.
      arguments: None for those of the command line.

    Returns:
      Exit code: 0, or 2 after bad input, with a line on stderr for each problem.
    """
    options = parser.parse_args(arguments)
    try:
        run(options)
    except (InputError, OSError) as error:
        for line in str(error).splitlines() or [type(error).__name__]:
            print(f"{parser.prog}: {' '.join(line.split())}", file=sys.stderr)
        return BAD_INPUT
    return 0
