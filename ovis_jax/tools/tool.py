"""How a tool with argparse options begins and ends; needs the base install only."""

import argparse
import os
import pathlib
import re
import sys
from collections.abc import Callable, Sequence
from typing import NoReturn

from ovis_jax.formats.errors import BAD_INPUT, FAILURE, InputError, problem_lines

_SETTING = re.compile(r"--?(no)?config\.|-[.\d]")  # or a negative number, the value of one


class ToolParser(argparse.ArgumentParser):
    """Reports bad arguments as bad input: one line, exit code 2.

    Options have hyphens in their names; given with underscores they are the same.
    """

    def error(self, message: str) -> NoReturn:
        """Ends the program."""
        self.exit(BAD_INPUT, f"{self.prog}: {message}\n")

    def parse_known_args(self, args=None, namespace=None):
        """As in the base class, which every way of parsing goes through."""
        given = sys.argv[1:] if args is None else args
        return super().parse_known_args([_with_hyphens(each) for each in given], namespace)

    def parse_with_settings(
        self, arguments: Sequence[str] | None
    ) -> tuple[argparse.Namespace, list[str]]:
        """Reads the options and leaves what sets fields of a configuration.

        Args:
          arguments: None for those of the command line.

        Returns:
          Options, and the arguments that are left: --config.FIELD=VALUE, or --config.FIELD VALUE.
        """
        options, settings = self.parse_known_args(arguments)
        for argument in settings:
            if argument.startswith("-") and not _SETTING.match(argument):
                self.error(f"unrecognized arguments: {argument}")
        return options, settings


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
      Exit code: 0; 1 where nobody reads the output to its end; or 2 after bad input, with a line on
      stderr for each problem.
    """
    options = parser.parse_args(arguments)
    try:
        run(options)
        sys.stdout.flush()
    except BrokenPipeError:  # whoever reads the output, such as head, has enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # so that flushing is quiet
        return FAILURE
    except (InputError, OSError) as error:
        for line in problem_lines(error):
            print(f"{parser.prog}: {line}", file=sys.stderr)
        return BAD_INPUT
    return 0


def at_least(least: int) -> Callable[[str], int]:
    """The type of an option that is a whole number from `least` on."""

    def whole_number(text: str) -> int:
        value = int(text)
        if value < least:
            raise argparse.ArgumentTypeError(f"{value}, expected at least {least}")
        return value

    return whole_number


def short_names(paths: Sequence[str]) -> list[str]:
    """The paths without the folders that all of them begin with, and without what all end with."""
    parts = [pathlib.PurePath(path).parts for path in paths]
    while len(paths) > 1 and len({own[0] for own in parts}) == 1 and min(map(len, parts)) > 1:
        parts = [own[1:] for own in parts]
    while len(paths) > 1 and len({own[-1] for own in parts}) == 1 and min(map(len, parts)) > 1:
        parts = [own[:-1] for own in parts]
    return ["/".join(own) for own in parts]


def _with_hyphens(argument: str) -> str:
    """The argument; the name of an option with hyphens in the place of underscores."""
    name, equals, value = argument.partition("=")
    if not name.startswith("--") or "." in name:
        return argument
    return name.replace("_", "-") + equals + value


def file_labels(paths: Sequence[str]) -> list[str]:
    """Different, short names of files: without what says that they are JSON, if they differ so."""
    names = short_names(paths) if len(paths) > 1 else [pathlib.PurePath(paths[0]).name]
    bare = [name.removesuffix(".gz").removesuffix(".zip").removesuffix(".json") for name in names]
    return bare if len(set(bare)) == len(bare) and all(bare) else names
