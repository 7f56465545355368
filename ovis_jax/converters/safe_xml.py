"""XML files, read without entities, which could grow without bound or include other files."""

from __future__ import annotations

import pathlib
from typing import IO, NoReturn
from xml.etree import ElementTree
from xml.parsers import expat

from ovis_jax.formats.errors import InputError

MAX_ELEMENTS = 10_000_000  # an object in every frame of a day's video; a few gigabytes of memory


def read_xml(path: pathlib.Path) -> ElementTree.Element:
    """The root element.

    Raises:
      InputError: the file is missing, malformed, too large for memory, or declares a document
        type, as entities need.
    """
    try:
        with open(path, "rb") as file:
            return parse_xml(file, str(path))
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror})") from None


def parse_xml(file: IO[bytes], where: str) -> ElementTree.Element:
    """The root element of what can be read from a file.

    Args:
      file: open for reading.
      where: the file's name in messages.

    Raises:
      InputError: see `read_xml`; errors of reading pass through.
    """
    builder, parser, elements = ElementTree.TreeBuilder(), expat.ParserCreate(), 0

    def refuse(*_) -> NoReturn:
        raise InputError(f"{where}: declares a document type, which is not read")

    def start(tag: str, attributes: dict[str, str]) -> None:
        nonlocal elements
        elements += 1
        if elements > MAX_ELEMENTS:
            raise InputError(f"{where}: more than {MAX_ELEMENTS} XML elements")
        builder.start(tag, attributes)

    parser.StartDoctypeDeclHandler = refuse
    parser.StartElementHandler, parser.EndElementHandler = start, builder.end
    parser.CharacterDataHandler = builder.data
    try:
        parser.ParseFile(file)
    except InputError:
        raise
    except (expat.ExpatError, LookupError, ValueError) as error:  # also unknown encodings
        raise InputError(f"{where}: not XML: {error}") from None
    return builder.close()
