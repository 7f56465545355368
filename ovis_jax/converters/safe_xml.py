"""XML files, read without entities, which could grow without bound or include other files."""

from __future__ import annotations

import pathlib
from typing import NoReturn
from xml.etree import ElementTree
from xml.parsers import expat

from ovis_jax.formats.errors import InputError


def read_xml(path: pathlib.Path) -> ElementTree.Element:
    """The root element.

    Raises:
      InputError: the file is missing, malformed, or declares a document type, as entities need.
    """
    builder, parser = ElementTree.TreeBuilder(), expat.ParserCreate()

    def refuse(*_) -> NoReturn:
        raise InputError(f"{path}: declares a document type, which is not read")

    parser.StartDoctypeDeclHandler = refuse
    parser.StartElementHandler, parser.EndElementHandler = builder.start, builder.end
    parser.CharacterDataHandler = builder.data
    try:
        with open(path, "rb") as file:
            parser.ParseFile(file)
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror})") from None
    except InputError:
        raise
    except (expat.ExpatError, LookupError, ValueError) as error:  # also unknown encodings
        raise InputError(f"{path}: not XML: {error}") from None
    return builder.close()
