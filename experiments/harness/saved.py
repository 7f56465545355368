"""Sections of reports as JSON and back, so that a page can be made of what experiments left."""

from __future__ import annotations

import dataclasses
from typing import Any

from ovis_jax.analysis import sections
from ovis_jax.formats.errors import InputError

_TYPES = {
    own.__name__: own
    for own in (
        sections.Axis,
        sections.Bars,
        sections.Column,
        sections.Curves,
        sections.Interval,
        sections.Line,
        sections.Matrix,
        sections.Place,
        sections.Section,
        sections.Table,
    )
}
_TYPE = "type"


def to_json(value: Any) -> Any:
    """A record, or what it holds, as JSON's types; records say what they are."""
    if dataclasses.is_dataclass(value):
        fields = {own.name: to_json(getattr(value, own.name)) for own in dataclasses.fields(value)}
        return {_TYPE: type(value).__name__, "fields": fields}
    if isinstance(value, dict):
        return {key: to_json(own) for key, own in value.items()}
    if isinstance(value, list | tuple):
        return [to_json(own) for own in value]
    return value


def from_json(value: Any) -> Any:
    """What `to_json` was given, with lists for tuples.

    Raises:
      InputError: it is of something else, or of another version.
    """
    if isinstance(value, list):
        return [from_json(own) for own in value]
    if not isinstance(value, dict):
        return value
    if set(value) != {_TYPE, "fields"}:
        return {key: from_json(own) for key, own in value.items()}
    try:
        fields = {name: from_json(own) for name, own in value["fields"].items()}
        return _TYPES[value[_TYPE]](**fields)
    except (KeyError, TypeError, AttributeError) as error:
        raise InputError(f"no section of this version: {error}") from error
