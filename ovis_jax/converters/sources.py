"""What the user gives beside the input, and what readers have to say to the user."""

from __future__ import annotations

import dataclasses
import pathlib
from collections.abc import Collection, Sequence

from ovis_jax.formats.annotations import Annotations, Category
from ovis_jax.formats.errors import InputError
from ovis_jax.formats.frame_names import IMAGE_SUFFIXES, files_in_order


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
      min_score: of results; those with a lower one are left out. None: all are read.
      most_tracks: of results, the surest ones of each video that are read; None: all.
      notes: what readers met that the user should know; filled by `note`.
    """

    images: pathlib.Path | None = None
    categories: Sequence[Category] | None = None
    crowds_are_objects: bool = False
    annotations: pathlib.Path | None = None
    first_frame: int | None = None
    skip_shapes: bool = False
    min_score: float | None = None
    most_tracks: int | None = None
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

    def categories_of_ids(
        self, ids: Collection[int], path: pathlib.Path | str
    ) -> Sequence[Category]:
        """The given categories; if none are given, one for each id, or one if there is no id.

        Raises:
          InputError: an id is none of the given categories'; `path` says whose it is.
        """
        if self.categories is None:
            return [Category(number, f"category {number}") for number in sorted(ids) or [1]]
        unknown = set(ids) - {category.id for category in self.categories}
        if unknown:
            raise InputError(f"{path}: category {min(unknown)} is none of the given categories")
        return self.categories

    def in_categories(self, annotations: Annotations) -> Annotations:
        """Annotations with the ids of the given categories, by name; as they are if none are given.

        Raises:
          InputError: the category of an object is none of those given.
        """
        if self.categories is None:
            return annotations
        used = {instance.category_id for instance in annotations.instances}
        names = {c.id: c.name for c in annotations.categories if c.id in used}
        ids = self.category_ids(list(names.values()), annotations.path)
        instances = tuple(
            dataclasses.replace(instance, category_id=ids[names[instance.category_id]])
            for instance in annotations.instances
        )
        categories = tuple(sorted(self.categories, key=lambda category: category.id))
        return dataclasses.replace(annotations, categories=categories, instances=instances)

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
            found = {pathlib.Path(name).stem: name for name in self.image_names(video)}
        return [
            self._image(name) if name is not None else self._image_of(video, stem, found)
            for stem, name in zip(stems, recorded, strict=True)
        ]

    def image_names(self, video: str) -> list[str]:
        """File names of all images of a video, in the order of `natural_order`.

        Raises:
          InputError: there is no such folder, or the order of its images is in doubt.
        """
        folder = self.images / video
        if not folder.is_dir():
            raise InputError(
                f"{folder}: no such folder; the folder of images (--images) has a folder for each "
                f"video, here {video!r}"
            )
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
        for image in self.image_names(str(path.parent)):
            if pathlib.PurePosixPath(image).stem == path.stem:
                return image
        raise InputError(f"{self.images / path.parent}: no image is named {path.stem}")
