"""The command `ovis-jax`: one table of everything that can be done.

    ovis-jax COMMAND [options]

Each is also `python -m` of its module. Exit codes: 0 done; 1 a failure that is not the input's; 2
bad input, or a package that is not installed; 130 Ctrl-C.
"""

import dataclasses
import difflib
import importlib
import sys
from collections.abc import Callable, Iterable, Sequence

import ovis_jax
from ovis_jax.formats.errors import BAD_INPUT, INTERRUPTED
from ovis_jax.tools import options, results_options
from ovis_jax.tools.tool import ToolParser

_HELP = ("-h", "--help")


@dataclasses.dataclass(frozen=True)
class Command:
    """What can be done.

    Attributes:
      module: has `main(arguments) -> exit code`; imported when it is needed.
      summary: one line.
      parser: its options, where importing the module takes long; None: the module's own `--help`.
    """

    module: str
    summary: str
    parser: Callable[[], ToolParser] | None = None


COMMANDS = {
    "demo": Command("ovis_jax.tools.demo", "track a clip with the package's model", options.demo),
    "train": Command("ovis_jax.main", "train a model, evaluate it, resume", options.train),
    "predict": Command(
        "ovis_jax.tools.predict_video", "track the objects of a video", options.predict_video
    ),
    "evaluate": Command("ovis_jax.tools.evaluate_results", "score results of any model"),
    "analyze": Command(
        "ovis_jax.tools.analyze_results", "why results score as they do", results_options.analyze
    ),
    "statistics": Command("ovis_jax.tools.dataset_statistics", "what data sets hold"),
    "browse": Command(
        "ovis_jax.tools.browse", "draw ground truth or results over videos", results_options.browse
    ),
    "convert": Command(
        "ovis_jax.tools.convert_annotations",
        "annotations to other formats",
        results_options.convert,
    ),
    "extract-frames": Command("ovis_jax.tools.extract_frames", "frames of videos as images"),
    "split": Command("ovis_jax.tools.split_annotations", "a part of a training set to tune on"),
    "generate shapes": Command("ovis_jax.tools.generate_shapes", "the data set Occluded Shapes"),
    "generate pseudo-video": Command(
        "ovis_jax.tools.generate_pseudo_video",
        "clips that are made of images",
        options.generate_pseudo_video,
    ),
    "generate records": Command(
        "ovis_jax.tools.build_records", "records that load faster", options.build_records
    ),
    "import-weights": Command(
        "ovis_jax.tools.import_weights", "a checkpoint of published weights", options.import_weights
    ),
    "pack": Command(
        "ovis_jax.tools.pack_checkpoint", "a trained model in one small file", options.pack
    ),
    "export": Command(
        "ovis_jax.tools.export_model", "a model that runs without this package", options.export
    ),
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Does what the command line says.

    Args:
      arguments: None for those of the process.

    Returns:
      Exit code.
    """
    try:
        return _does(list(sys.argv[1:] if arguments is None else arguments))
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return INTERRUPTED


def _does(words: list[str]) -> int:
    if words[:1] == ["--version"]:
        print(f"ovis-jax {ovis_jax.__version__}")
        return 0
    name = _named(words)
    if name is not None:
        return _run(name, words[len(name.split()) :])
    group = words[0] if words and any(_within(words[0], each) for each in COMMANDS) else ""
    wrong = [word for word in words[1 if group else 0 :] if word not in _HELP]
    if wrong:
        return _refuse(" ".join([group, wrong[0]]).strip())
    print(_overview(group))
    return 0


def _named(words: Sequence[str]) -> str | None:
    """The command that the first words name."""
    names = (" ".join(words[:count]) for count in (2, 1))
    return next((name for name in names if name in COMMANDS), None)


def _within(group: str, name: str) -> bool:
    """Whether a command belongs to a group, the first of its two words; all do to ""."""
    return not group or name.startswith(f"{group} ")


def _run(name: str, arguments: list[str]) -> int:
    command = COMMANDS[name]
    if command.parser and any(word in _HELP for word in arguments):
        command.parser().print_help()
        return 0
    try:
        module = importlib.import_module(command.module)
    except ModuleNotFoundError as error:
        if error.name is None or error.name.partition(".")[0] == ovis_jax.__name__:
            raise
        return _fail(
            f"ovis-jax {name}: {error.name} is not installed; pip install 'ovis-jax[train]'"
        )
    return module.main(arguments)


def _refuse(name: str) -> int:
    close = difflib.get_close_matches(name, COMMANDS, n=1)
    expected = f"did you mean {close[0]}?" if close else f"expected {', '.join(COMMANDS)}"
    return _fail(f"ovis-jax: {name}: no such command; {expected}")


def _fail(line: str) -> int:
    print(line, file=sys.stderr)
    return BAD_INPUT


def _overview(group: str) -> str:
    """The commands of a group, or all, and what they do."""
    usage = " ".join(["ovis-jax", *filter(None, [group]), "COMMAND"])
    rows = [(name, each.summary) for name, each in COMMANDS.items() if _within(group, name)]
    lines = [f"usage: {usage} [--help] [options]", "", "commands:", *_columns(rows)]
    if not group:
        lines += ["", "options:", *_columns([("--help", "this"), ("--version", "the version")])]
    return "\n".join(lines)


def _columns(rows: Iterable[tuple[str, str]]) -> list[str]:
    return [f"  {name:24}{text}" for name, text in rows]
