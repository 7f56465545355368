"""Parts of a configuration that are read field by field, and what values may be."""

from __future__ import annotations

import numbers
from collections.abc import Callable
from typing import Any

from ovis_jax.formats.errors import InputError


class Section:
    """A part of the configuration whose fields are known."""

    def __init__(self, config: Any, name: str, fields: tuple[str, ...]):
        """Raises InputError for a field that is none of `fields`; `name` is for messages."""
        self._config, self._name = config, name
        if not hasattr(config, "items"):
            raise InputError(f"{name}: expected fields ({', '.join(fields)}), is {config!r}")
        for field in config:
            if field not in fields:
                expected = ", ".join(fields)
                raise InputError(f"{name}.{field}: no such field, expected one of {expected}")

    def get(self, field: str) -> Any:
        """The value of a field."""
        if field not in self._config:
            raise InputError(f"{self._name}.{field}: missing")
        return self._config[field]

    def take(self, field: str, expected: str, holds: Callable[[Any], bool]) -> Any:
        """The value of a field, for which `holds`, in words `expected`, is true."""
        value = self.get(field)
        try:
            right = holds(value)
        except (TypeError, ValueError):  # of another type
            right = False
        if not right:
            raise InputError(f"{self._name}.{field}: expected {expected}, is {value!r}")
        return value

    def section(self, field: str, fields: tuple[str, ...]) -> Section:
        """The fields within a field."""
        return Section(self.get(field), f"{self._name}.{field}", fields)


def switch(section: Section, field: str) -> bool:
    """The value of a field that is True or False."""
    return section.take(field, "True or False", lambda value: isinstance(value, bool))


def is_count(value: Any) -> bool:
    """Whether it is a whole number of at least 1."""
    return isinstance(value, numbers.Integral) and value >= 1


def is_share(value: Any) -> bool:
    """Whether it is 0 to 1."""
    return 0 <= value <= 1


def is_pair(value: Any) -> bool:
    """Whether it is two names."""
    first, second = value
    return isinstance(first, str) and isinstance(second, str)


def numbers_of(values: Any) -> list[float]:
    """Those of the values that are numbers."""
    return [value for value in values if isinstance(value, numbers.Real)]
