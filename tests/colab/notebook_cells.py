"""The notebooks of `colab/`, and the commands that their cells and their text name."""

import dataclasses
import json
import pathlib
import re
from collections.abc import Iterator

FOLDER = pathlib.Path(__file__).parents[2] / "colab"
NAMES = sorted(path.stem for path in FOLDER.glob("*.ipynb"))
COMMAND = re.compile(r"(?:^|[!`$ ])((?:ovis-jax|python -m) [^`\n]*)", re.MULTILINE)


@dataclasses.dataclass(frozen=True)
class Cell:
    """One cell: `kind` is "code" or "markdown"."""

    kind: str
    text: str
    tags: tuple[str, ...]

    def python(self) -> str:
        """The code without shell commands."""
        return re.sub(r"^( *)!(?:.*\\\n)*.*$", r"\1pass", self.text, flags=re.MULTILINE)


def read(name: str) -> dict:
    return json.loads((FOLDER / f"{name}.ipynb").read_text(encoding="utf-8"))


def cells(name: str) -> list[Cell]:
    return [
        Cell(cell["cell_type"], "".join(cell["source"]), tuple(cell["metadata"].get("tags", ())))
        for cell in read(name)["cells"]
    ]


def commands(name: str) -> Iterator[str]:
    """Every command of the notebook, those in text, too."""
    for cell in cells(name):
        lines = cell.text.splitlines()
        if cell.kind == "code":
            lines = [line for line in lines if line.lstrip().startswith("!")]
        for line in lines:
            yield from (found.strip() for found in COMMAND.findall(line))
