"""Names of classes that transformers saves beside weights, in `config.json`."""

import json
import pathlib
import re
from collections.abc import Sequence

from ovis_jax.formats.annotation_records import Category
from ovis_jax.formats.errors import InputError

_FILE, _FIELD = "config.json", "id2label"
_UNNAMED = re.compile(r"LABEL_\d+")  # what transformers writes where nobody gave names


def check_hub_labels(source: pathlib.Path | str, categories: Sequence[Category]) -> str:
    """Looks that the classes of published weights are the model's, in the same order.

    Case, spaces and underlines of names do not count.

    Args:
      source: of the weights: a folder, or a file that may have such a file beside it.
      categories: of the model, in the order of its labels.

    Returns:
      A line that says what was compared; empty if there was nothing to compare.

    Raises:
      InputError: the file is no JSON object, or has other classes or another order.
    """
    source = pathlib.Path(source)
    path = (source if source.is_dir() else source.parent) / _FILE
    names = _names(path) if path.is_file() else None
    if names is None:
        return ""
    if len(names) != len(categories):
        raise InputError(
            f"{path}: {_FIELD}: {len(names)} classes, expected the {len(categories)} of "
            "--categories"
        )
    for number, (theirs, own) in enumerate(zip(names, categories, strict=True)):
        if _bare(theirs) != _bare(own.name):
            raise InputError(
                f"{path}: {_FIELD}.{number}: {theirs!r}, expected {own.name!r}, the class of that "
                "number of --categories"
            )
    return f"classes: the {len(names)} of {_FILE}, in the order of --categories"


def _names(path: pathlib.Path) -> list[str] | None:
    """Names by number; None if the file has none."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InputError(f"{path}: expected a JSON file: {error}") from error
    names = content.get(_FIELD) if isinstance(content, dict) else None
    if not isinstance(names, dict) or not names:
        return None
    if not all(isinstance(name, str) for name in names.values()):
        raise InputError(f"{path}: {_FIELD}: expected a text for each class")
    if any(_UNNAMED.fullmatch(name) for name in names.values()):
        return None
    numbers = [str(number) for number in range(len(names))]
    if sorted(names) != sorted(numbers):
        raise InputError(f"{path}: {_FIELD}: expected the numbers 0 to {len(names) - 1}")
    return [names[number] for number in numbers]


def _bare(name: str) -> str:
    return re.sub(r"[\s_]+", "", name).casefold()
