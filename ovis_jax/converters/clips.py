"""What the converters share: videos collected object by object, and the names of their files."""

from __future__ import annotations

import dataclasses
import pathlib
from collections.abc import Hashable, Sequence

from ovis_jax.formats.annotations import Annotations, Category, Video
from ovis_jax.formats.documents import from_document
from ovis_jax.formats.errors import InputError
from ovis_jax.formats.frame_names import files_in_order, natural_key

_IMAGES = (".jpg", ".jpeg", ".png", ".bmp")


@dataclasses.dataclass(frozen=True)
class Sources:
    """What a foreign format may lack.

    Attributes:
      images: folder with a folder of frames for each video, named like the video; or None.
      categories: that shall be used; or None to take those of the foreign file.
    """

    images: pathlib.Path | None = None
    categories: Sequence[Category] | None = None

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

    def frame_names(self, video: str, stems: Sequence[str]) -> list[str]:
        """File names of frames whose stems are known, relative to the folder of all frames.

        Raises:
          InputError: the folder of images lacks one.
        """
        if self.images is None:
            return [f"{video}/{stem}.jpg" for stem in stems]
        found = {pathlib.Path(name).stem: name for name in self.frames_of(video)}
        for stem in stems:
            if stem not in found:
                raise InputError(f"{self.images / video}: no image is named {stem}")
        return [found[stem] for stem in stems]

    def frames_of(self, video: str) -> list[str]:
        """File names of all images of a video, in the order of `natural_order`.

        Raises:
          InputError: there is no such folder, or the order of its images is in doubt.
        """
        folder = self.images / video
        if not folder.is_dir():
            raise InputError(f"{folder}: no such folder, expected images of a video")
        return [f"{video}/{file.name}" for file in files_in_order(folder, _IMAGES)]


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


def video_names(videos: Sequence[Video]) -> list[str]:
    """A name for each video that can be that of a folder: the folder of its frames.

    Where two videos share one, or a frame is not in just one folder, `video_<id>`.
    """
    folders = []
    for video in videos:
        parents = {pathlib.PurePosixPath(name).parent for name in video.file_names}
        whole = len(parents) == 1 and len(next(iter(parents)).parts) == 1
        folders.append(str(parents.pop()) if whole else "")
    plain = [folder not in ("", "..", "/") and folders.count(folder) == 1 for folder in folders]
    named = zip(videos, folders, plain, strict=True)
    return [folder if ok else f"video_{video.id}" for video, folder, ok in named]


def subfolders(path: pathlib.Path, suffix: str) -> list[tuple[str, list[pathlib.Path]]]:
    """Name and files of every video: of the folder itself, or of each folder in it.

    Args:
      path: the folder.
      suffix: of the files, in small letters.

    Returns:
      The files in the order of `natural_order`, videos likewise.

    Raises:
      InputError: there is no file with this suffix, or the order of files is in doubt.
    """
    if not path.is_dir():
        raise InputError(f"{path}: no such folder")
    inner = [folder for folder in path.iterdir() if folder.is_dir()]
    folders = [path, *sorted(inner, key=lambda folder: (natural_key(folder.name), folder.name))]
    found = [(folder.name, files_in_order(folder, (suffix,))) for folder in folders]
    videos = [(name, files) for name, files in found if files]
    if not videos:
        raise InputError(f"{path}: no {suffix} file, here or in a folder for each video")
    return videos
