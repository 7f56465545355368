"""Where annotations of CVAT are: XML files, and archives as CVAT lets one download them.

Nothing is unpacked to disk. Of an archive one file is read, whose size is known and checked first.
"""

from __future__ import annotations

import contextlib
import dataclasses
import pathlib
import zipfile
import zlib
from collections.abc import Iterable, Iterator, Sequence
from xml.etree.ElementTree import Element

from ovis_jax.converters.safe_xml import parse_xml, read_xml
from ovis_jax.formats.errors import InputError
from ovis_jax.formats.frame_names import IMAGE_SUFFIXES, natural_key
from ovis_jax.formats.image_size import header_size, image_size

_ANNOTATIONS, _IMAGES = "annotations.xml", "images/"
_MAX_BYTES = 1 << 30  # of an XML file in an archive
_SMALL_BYTES, _MAX_RATIO = 1 << 25, 200  # a larger one that was packed tighter is no annotation
_BROKEN = (zipfile.BadZipFile, zlib.error, EOFError, RuntimeError, NotImplementedError, ValueError)


@dataclasses.dataclass(frozen=True)
class CvatFile:
    """A file that was read.

    Attributes:
      name: of its video, unless the file names several.
      where: the file, for messages.
      root: element.
      path: of the file or the archive.
      images: paths of the images in an archive, below its folder `images`; or in the folder
        `images` beside annotations.xml, as an archive has it that was unpacked. All are in one
        folder; there are none if they are in several, since their order is then in doubt.
      packed: it is an archive.
    """

    name: str
    where: str
    root: Element
    path: pathlib.Path
    images: Sequence[str] = ()
    packed: bool = False


def read_files(path: pathlib.Path) -> list[CvatFile]:
    """Reads a file, an archive, or a folder of them, or of folders with an annotations.xml each.

    Raises:
      InputError: there is none, or one cannot be read or is of another kind.
    """
    named = _in_folder(path) if path.is_dir() else [(path.stem, path)]
    if not named:
        raise InputError(f"{path}: no .xml or .zip file")
    files = [_read(name, file) for name, file in named]
    for file in files:
        if file.root.tag != "annotations":
            raise InputError(
                f"{file.where}: expected the element annotations, as CVAT writes it; "
                f"is {file.root.tag[:40]}"
            )
    return files


def _in_folder(folder: pathlib.Path) -> list[tuple[str, pathlib.Path]]:
    """Name and path of every file in a folder; hidden ones, which other systems add, are not."""
    found = [
        (file.stem, file)
        for file in folder.iterdir()
        if file.suffix.lower() in (".xml", ".zip")
        and not file.name.startswith(".")
        and file.is_file()
    ]
    found = found or [(file.parent.name, file) for file in folder.glob(f"*/{_ANNOTATIONS}")]
    return sorted(found, key=lambda item: (natural_key(item[0]), item[1]))


def _read(name: str, path: pathlib.Path) -> CvatFile:
    try:
        with open(path, "rb") as file:
            packed = file.read(4) == b"PK\x03\x04"
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror})") from None
    if not packed and path.suffix.lower() == ".zip":
        raise InputError(f"{path}: not a ZIP archive, or an empty one")
    if not packed:
        return CvatFile(name, str(path), read_xml(path), path, _images_beside(path))
    with _archive(path) as archive:
        member = _member(archive, path)
        where = f"{path}/{member.filename}"
        with archive.open(member) as file:
            root = parse_xml(file, where)
        names = [info.filename for info in archive.infolist()]
    images = [name.removeprefix(_IMAGES) for name in names if name.startswith(_IMAGES)]
    return CvatFile(name, where, root, path, _of_one_folder(images), packed=True)


def _images_beside(path: pathlib.Path) -> list[str]:
    folder = path.parent / _IMAGES
    if path.name != _ANNOTATIONS or not folder.is_dir():
        return []
    return _of_one_folder(f.relative_to(folder).as_posix() for f in folder.rglob("*"))


def _of_one_folder(names: Iterable[str]) -> list[str]:
    """The names that are those of images; none if they are in several folders."""
    images = [name for name in names if _is_image(name)]
    return images if len({pathlib.PurePosixPath(name).parent for name in images}) == 1 else []


@contextlib.contextmanager
def _archive(path: pathlib.Path) -> Iterator[zipfile.ZipFile]:
    """Opens an archive; whatever is wrong with it is an InputError."""
    try:
        with zipfile.ZipFile(path) as archive:
            yield archive
    except InputError:
        raise
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror or error})") from None
    except _BROKEN as error:  # also encrypted, or packed in a way that is not known
        raise InputError(f"{path}: ZIP archive that cannot be read: {error}") from None


def _member(archive: zipfile.ZipFile, path: pathlib.Path) -> zipfile.ZipInfo:
    """The XML file of an archive.

    Raises:
      InputError: there is none or several, or it would fill the memory.
    """
    found = [
        info
        for info in archive.infolist()
        if info.filename.lower().endswith(".xml") and not _hidden(info.filename)
    ]
    found = [info for info in found if info.filename == _ANNOTATIONS] or found
    if len(found) != 1:
        raise InputError(
            f"{path}: expected {_ANNOTATIONS} in the archive, as CVAT for video 1.1 has it; "
            f"there are {len(found)} XML files"
        )
    (info,) = found
    packed = min(info.compress_size, path.stat().st_size)
    tight = info.file_size > max(_SMALL_BYTES, _MAX_RATIO * packed)
    if tight or info.file_size > _MAX_BYTES:
        raise InputError(
            f"{path}: {info.filename}: {info.file_size} bytes packed to {packed} are "
            f"not read from an archive; unpack it"
        )
    return info


def size_in_file(file: CvatFile, image: str) -> tuple[int, int]:
    """Width and height of one of the `images` of a file, from its header.

    Raises:
      InputError: it is no image that can be read.
    """
    if not file.packed:
        return image_size(file.path.parent / _IMAGES / image)
    with _archive(file.path) as archive, archive.open(_IMAGES + image) as stream:
        size = header_size(stream)
    if size is None:
        raise InputError(f"{file.path}: {_IMAGES}{image}: no JPEG, PNG or BMP header with a size")
    return size


def _is_image(name: str) -> bool:
    path = pathlib.PurePosixPath(name)
    is_path_inside = not path.is_absolute() and ".." not in path.parts
    return is_path_inside and path.suffix.lower() in IMAGE_SUFFIXES and not _hidden(name)


def _hidden(name: str) -> bool:
    parts = pathlib.PurePosixPath(name).parts
    return any(part.startswith(".") or part == "__MACOSX" for part in parts)
