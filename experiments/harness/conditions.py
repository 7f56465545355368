"""The command line of an experiment that is made once for each condition of the data."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence

from experiments.harness import main as harness
from experiments.harness.evidence import CONDITIONS, MAIN, SIZES, Condition, Size
from experiments.harness.experiment import Experiment
from experiments.harness.files import write_outcome
from experiments.harness.gains import joined
from ovis_jax.formats.errors import BAD_INPUT, InputError
from ovis_jax.program.command_line import end

Make = Callable[[Condition, Size], Experiment]


def main(
    make: Make, across: Experiment, labels: Sequence[str], arguments: Sequence[str] | None = None
) -> None:
    """All conditions one after the other, then what sets them apart.

    Args:
      make: what is asked of one condition.
      across: its parts look at rows "CONDITION: LABEL".
      labels: of the rows that it looks at; others are compared with the first one.
      arguments: of the command line.
    """
    given = sys.argv[1:] if arguments is None else list(arguments)
    options = _parser(make).parse_args(given)
    try:
        _run(make, across, labels, options, given)
    except InputError as error:
        end(error, BAD_INPUT)


def _run(make: Make, across: Experiment, labels, options: argparse.Namespace, command) -> None:
    size, outcomes = SIZES[options.size], {}
    for number, name in enumerate(options.conditions, start=1):
        print(f"# {name}: condition {number} of {len(options.conditions)}", file=sys.stderr)
        own = argparse.Namespace(**vars(options))
        own.workdir = options.workdir / name
        own.data_dir = options.data_dir and options.data_dir / name
        outcomes[name] = harness.run(make(CONDITIONS[name], size), own, command)
    write_outcome(options.workdir.resolve(), joined(outcomes, across, labels), {}, command)


def _parser(make: Make):
    parser = harness.parser(make(CONDITIONS[MAIN[0]], SIZES["small"]))
    parser.add_argument("--size", choices=SIZES, default="small", help="of data and training")
    parser.add_argument(
        "--conditions", nargs="+", choices=CONDITIONS, default=list(MAIN), help="of the data"
    )
    parser.set_defaults(seeds=[0, 1, 2, 3, 4])
    return parser
