"""Which categories are base and which are novel, from a list or from an LV-VIS annotation file."""

from __future__ import annotations

import dataclasses
import pathlib
from collections.abc import Sequence

from ovis_jax.formats.annotation_records import Category
from ovis_jax.formats.errors import InputError, Problems
from ovis_jax.formats.fields import as_record, list_of, shown, whole_number
from ovis_jax.formats.json_stream import JsonStream, open_json

BASE, NOVEL = GROUPS = ("base", "novel")

PARTITIONS = {0: BASE, 1: BASE, 2: NOVEL, 3: NOVEL}
"""What `partition` of a category says in LV-VIS (`evaluate/lvvis.py` of haochenheheda/LVVIS)."""

CategoryGroups = dict[str, frozenset[int]]
"""Category ids by name of the group, one of GROUPS."""

_JSON_STARTS = (b"[", b"{", b"\x1f\x8b", b"PK\x03\x04", b"\xff\xfe", b"\xfe\xff")
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"


def read_category_groups(
    path: pathlib.Path | str, categories: Sequence[Category]
) -> CategoryGroups:
    """Reads which categories are base; without a list of their own, all others are novel.

    Args:
      path: a text file with a name or an id on each line (empty lines and lines that begin with
        "#" do not count), a JSON list of names and ids, a JSON object with such lists as `base`
        and `novel`, or an annotation file whose categories have a `partition`, as in LV-VIS.
      categories: of the ground truth.

    Raises:
      InputError: none of these, or a category that is not known, or in both groups; lists all
        problems up to a limit.
    """
    problems = Problems()
    groups = _Lists(str(path), categories, problems).read()
    for category in categories:
        if all(category.id in ids for ids in groups.values()):
            problems.add(f"{path}: {shown(category.name)} (id {category.id}) is base and novel")
    problems.finish()
    return groups


@dataclasses.dataclass(frozen=True)
class _Lists:
    """Reads a file of any of the kinds; see `read_category_groups`."""

    path: str
    categories: Sequence[Category]
    problems: Problems

    def read(self) -> CategoryGroups:
        try:
            with open(self.path, "rb") as file:
                head = file.read(64).removeprefix(_BYTE_ORDER_MARK).lstrip()
        except OSError as error:
            raise InputError(
                f"{self.path}: {error.strerror or error}, expected a list of base categories"
            ) from error
        if not head.startswith(_JSON_STARTS):
            return self._base(self._lines())
        with open_json(self.path) as stream:
            if stream.peek() == "[":
                return self._base(_numbered(stream.value(), "entry"))
            return self._object(stream)

    def _lines(self) -> list[tuple[str, str]]:
        try:
            text = pathlib.Path(self.path).read_text("utf-8-sig")
        except UnicodeDecodeError as error:
            raise InputError(
                f"{self.path}: not UTF-8 text, expected a category on each line"
            ) from error
        lines = ((f"line {n}", line.strip()) for n, line in enumerate(text.splitlines(), start=1))
        return [(where, line) for where, line in lines if line and not line.startswith("#")]

    def _object(self, stream: JsonStream) -> CategoryGroups:
        lists = {}
        for key in stream.members():
            if key in GROUPS:
                lists[key] = stream.value()
            elif key == "categories":
                return self._partitions(stream.value())
            elif stream.peek() == "[":
                for _ in stream.elements():  # one after the other: annotations are large
                    pass
        if BASE not in lists:
            raise InputError(f"{self.path}: expected a list of base categories, or `categories`")
        named = {
            group: _numbered(list_of(lists, group, self.path), f"{group}, entry") for group in lists
        }
        if NOVEL not in named:
            return self._base(named[BASE])
        return {group: self._ids(named[group]) for group in GROUPS}

    def _base(self, entries: list[tuple[str, object]]) -> CategoryGroups:
        base = self._ids(entries)
        return {BASE: base, NOVEL: frozenset(c.id for c in self.categories) - base}

    def _partitions(self, records: object) -> CategoryGroups:
        """Groups of an annotation file; a category in no partition of PARTITIONS is in none."""
        found = {group: [] for group in GROUPS}
        for number, record in enumerate(list_of({"categories": records}, "categories", self.path)):
            where = f"categories[{number}]"
            with self.problems.caught():
                record = as_record(record, f"{self.path}: {where}")
                partition = whole_number(record, "partition", f"{self.path}: {where}")
                category = whole_number(record, "id", f"{self.path}: {where}")
                if partition in PARTITIONS:
                    found[PARTITIONS[partition]].append((where, category))
        return {group: self._ids(entries) for group, entries in found.items()}

    def _ids(self, entries: list[tuple[str, object]]) -> frozenset[int]:
        """Ids of categories; each entry is named in messages."""
        by_text, ids = _by_text(self.categories), {category.id for category in self.categories}
        if not entries:
            self.problems.add(f"{self.path}: no category, expected at least one")
        found = set()
        for where, entry in entries:
            matching = by_text.get(entry, ()) if isinstance(entry, str) else {entry} & ids
            if len(matching) == 1:
                found |= set(matching)
                continue
            several = "names several categories, expected an id"
            problem = several if matching else "is no category of the annotations"
            self.problems.add(f"{self.path}: {where}: {shown(entry)} {problem}")
        return frozenset(found)


def _by_text(categories: Sequence[Category]) -> dict[str, set[int]]:
    """Ids of the categories that a text may mean: by name, or by the id if nothing has the name."""
    found: dict[str, set[int]] = {}
    for category in categories:
        found.setdefault(category.name, set()).add(category.id)
    for category in categories:
        found.setdefault(str(category.id), {category.id})
    return found


def _numbered(values: list, name: str) -> list[tuple[str, object]]:
    return [
        (f"{name} {number}", value if type(value) in (str, int) else shown(value))
        for number, value in enumerate(values)
    ]
