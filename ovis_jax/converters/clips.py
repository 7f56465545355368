"""What the converters share: videos collected object by object, and the names of their files."""

from __future__ import annotations

import dataclasses
import pathlib
from collections.abc import Hashable, Sequence

from ovis_jax.converters.written_names import video_names
from ovis_jax.formats.annotations import Annotations, Category
from ovis_jax.formats.documents import from_document
from ovis_jax.formats.errors import InputError
from ovis_jax.formats.frame_names import (
    IMAGE_SUFFIXES,
    files_in_order,
    is_passed_over,
    natural_key,
)

__all__ = [
    "Clip",
    "Sources",
    "annotations_of",
    "numbered",
    "subfolders",
    "video_names",
]


@dataclasses.dataclass(frozen=True)
class Sources:
    """What a foreign format may lack.

    Attributes:
      images: folder with a folder of frames for each video, named like the video; or None.
      categories: that shall be used; or None to take those of the foreign file.
      crowds_are_objects: marks of crowds mean nothing, so that those of a track may differ.
      annotations: file that names the videos and categories of results; or None.
      first_frame: number of the first frame, where formats differ; or None to find out.
      skip_shapes: pass over shapes that are no masks.
      notes: what readers met that the user should know; filled by `note`.
    """

    images: pathlib.Path | None = None
    categories: Sequence[Category] | None = None
    crowds_are_objects: bool = False
    annotations: pathlib.Path | None = None
    first_frame: int | None = None
    skip_shapes: bool = False
    notes: list[str] = dataclasses.field(default_factory=list)

    def note(self, text: str) -> None:
        """Keeps what a reader left out, guessed or took in another way than one may expect.

        Args:
          text: one line; the same line is kept once.
        """
        if text not in self.notes:
            self.notes.append(text)

    def category_ids(self, names: Sequence[str], path: pathlib.Path | str) -> dict[str, int]:
        """Category id of each name; names are numbered from 1 where no categories are given.

        Raises:
          InputError: a name is none of the given categories; `path` says whose it is.
        """
        if self.categories is None:
            return {name: number for number, name in enumerate(dict.fromkeys(names), start=1)}
        ids = {category.name: category.id for category in self.categories}
        for name in names:
            if name not in ids:
                raise InputError(f"{path}: label {name!r} is none of the given categories")
        return ids

    def frame_names(
        self, video: str, stems: Sequence[str], recorded: Sequence[str | None] = ()
    ) -> list[str]:
        """File names of frames whose stems are known, relative to the folder of all frames.

        Args:
          video: name of the folder of its frames.
          stems: of the frames' files.
          recorded: for each frame the name that the foreign files have of it, or None; or nothing.

        Raises:
          InputError: the folder of images lacks one.
        """
        recorded = recorded or [None] * len(stems)
        found = {}
        if self.images is not None and None in recorded:
            found = {pathlib.Path(name).stem: name for name in self.frames_of(video)}
        return [
            self._image(name) if name is not None else self._image_of(video, stem, found)
            for stem, name in zip(stems, recorded, strict=True)
        ]

    def frames_of(self, video: str) -> list[str]:
        """File names of all images of a video, in the order of `natural_order`.

        Raises:
          InputError: there is no such folder, or the order of its images is in doubt.
        """
        folder = self.images / video
        if not folder.is_dir():
            raise InputError(f"{folder}: no such folder, expected images of a video")
        names = [file.name for file in files_in_order(folder, IMAGE_SUFFIXES)]
        return [str(pathlib.PurePosixPath(video, name)) for name in names]

    def _image_of(self, video: str, stem: str, found: dict[str, str]) -> str:
        """The name of a frame of which the stem is known."""
        if self.images is None:
            return f"{video}/{stem}.jpg"
        if stem not in found:
            raise InputError(f"{self.images / video}: no image is named {stem}")
        return found[stem]

    def _image(self, name: str) -> str:
        """The name of a frame that had this one, whose suffix may have changed since."""
        if self.images is None or (self.images / name).is_file():
            return name
        path = pathlib.PurePosixPath(name)
        for image in self.frames_of(str(path.parent)):
            if pathlib.PurePosixPath(image).stem == path.stem:
                return image
        raise InputError(f"{self.images / path.parent}: no image is named {path.stem}")


class Clip:
    """The objects of one video, added mask by mask."""

    def __init__(self, file_names: Sequence[str], width: int, height: int):
        """Starts without objects.

        Args:
          file_names: of the frames; T of them.
          width: of every frame; likewise `height`.
          height: see `width`.
        """
        self.file_names, self.width, self.height = list(file_names), width, height
        self._objects: dict[Hashable, dict] = {}

    def add(
        self,
        key: Hashable,
        category_id: int,
        frame: int,
        segmentation: dict | list | None,
        *,
        occlusion: str | None = None,
        iscrowd: bool = False,
    ) -> None:
        """Adds what an object looks like in a frame.

        Args:
          key: of the object within the video.
          category_id: of the object.
          frame: its number.
          segmentation: as in OVIS format.
          occlusion: level.
          iscrowd: the object is a crowd.
        """
        length = len(self.file_names)
        record = self._objects.setdefault(
            key,
            {
                "category_id": category_id,
                "iscrowd": int(iscrowd),
                "segmentations": [None] * length,
                "occlusion": [None] * length,
            },
        )
        record["segmentations"][frame] = segmentation
        record["occlusion"][frame] = occlusion

    def has(self, key: Hashable, frame: int) -> bool:
        """Whether an object has a mask in a frame."""
        return key in self._objects and self._objects[key]["segmentations"][frame] is not None

    def records(self, video_id: int) -> list[dict]:
        """Its annotations, without ids."""
        records = [{"video_id": video_id, **record} for record in self._objects.values()]
        for record in records:
            if not any(record["occlusion"]):
                del record["occlusion"]
        return records


def annotations_of(
    clips: Sequence[Clip], categories: Sequence[Category], path: pathlib.Path | str
) -> Annotations:
    """Puts videos together and checks them; `path` names their source in messages.

    Raises:
      InputError: something makes no sense.
    """
    videos, records = [], []
    for video_id, clip in enumerate(clips, start=1):
        size = {"width": clip.width, "height": clip.height}
        names = {"length": len(clip.file_names), "file_names": clip.file_names}
        videos.append({"id": video_id, **size, **names})
        records += clip.records(video_id)
    document = {
        "videos": videos,
        "categories": [{"id": c.id, "name": c.name} for c in categories],
        "annotations": [{"id": number, **r} for number, r in enumerate(records, start=1)],
    }
    return from_document(document, str(path))


def numbered(ids: dict[str, int]) -> list[Category]:
    """The categories of `Sources.category_ids`."""
    return [Category(number, name) for name, number in ids.items()]


def subfolders(path: pathlib.Path, suffix: str) -> list[tuple[str, list[pathlib.Path]]]:
    """Name and files of every video: of the folder itself, or of each folder in it.

    Args:
      path: the folder.
      suffix: of the files, in small letters.

    Returns:
      The files in the order of `natural_order`, videos likewise. Hidden folders, and those in which
      systems keep things of their own, are passed over.

    Raises:
      InputError: there is no file with this suffix, or the order of files is in doubt.
    """
    if not path.is_dir():
        raise InputError(f"{path}: no such folder")
    inner = [f for f in path.iterdir() if f.is_dir() and not is_passed_over(f.name)]
    folders = [path, *sorted(inner, key=lambda folder: (natural_key(folder.name), folder.name))]
    found = [(_name_of(folder), files_in_order(folder, (suffix,))) for folder in folders]
    videos = [(name, files) for name, files in found if files]
    if not videos:
        raise InputError(f"{path}: no {suffix} file, here or in a folder for each video")
    return videos


def _name_of(folder: pathlib.Path) -> str:
    """The last part of a path, also of `.` and of one that ends in `..`."""
    return folder.name if folder.name not in ("", "..") else folder.resolve().name
