"""Takes fields out of the elements of CVAT's XML and says what is wrong with them."""

from __future__ import annotations

import math
from xml.etree.ElementTree import Element

from ovis_jax.formats.errors import InputError
from ovis_jax.formats.fields import LARGEST, shown


def text_field(element: Element, name: str, where: str) -> str:
    """An attribute of an element.

    Raises:
      InputError: there is none; `where` names file, track and frame.
    """
    value = element.get(name)
    if value is None:
        raise InputError(f"{where}: {name}: missing")
    return value


def whole_field(element: Element, name: str, where: str) -> int:
    """An attribute that is a whole number; 3.0 is one as well.

    Raises:
      InputError: it is missing, something else, or too large.
    """
    text = text_field(element, name, where)
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not value.is_integer() or abs(value) > LARGEST:
        raise InputError(f"{where}: {name}: expected a whole number, is {shown(text)}")
    return int(value)


def number_field(element: Element, name: str, where: str) -> float:
    """An attribute that is a finite number.

    Raises:
      InputError: it is missing or something else.
    """
    text = text_field(element, name, where)
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise InputError(f"{where}: {name}: expected a number, is {shown(text)}")
    return value
