"""OVIS / YouTube-VIS annotation files → checked records; masks stay compressed until asked for."""

from __future__ import annotations

import dataclasses
import os
import pathlib
from collections.abc import Callable, Sequence

from ovis_jax.formats.annotation_fields import (
    parse_categories,
    parse_videos,
    read_categories,
    read_videos,
    sorted_categories,
)
from ovis_jax.formats.annotation_records import Category, Instance, Video
from ovis_jax.formats.errors import InputError, Problems
from ovis_jax.formats.instance_fields import compact_annotation, parse_instances
from ovis_jax.formats.json_stream import open_json
from ovis_jax.formats.plain_values import kind

__all__ = ["Annotations", "Category", "Instance", "Video", "load_annotations"]

_SHOWN = 3  # missing files named in an error


@dataclasses.dataclass(frozen=True)
class Annotations:
    """The contents of an annotation file.

    Attributes:
      path: of the file, for messages.
      videos: in the order of the file.
      categories: sorted by id; a label k of the model is `categories[k]`.
      instances: annotated objects in the order of the file; empty without ground truth.
      has_ground_truth: False if the file's `annotations` is null or missing, as in files for a test
        server.
      lacks_key: the file has no `annotations` at all.
    """

    path: str
    videos: tuple[Video, ...]
    categories: tuple[Category, ...]
    instances: Sequence[Instance]
    has_ground_truth: bool
    lacks_key: bool = False

    def __post_init__(self):
        """Sorts the objects by video."""
        by_video: dict[int, list[Instance]] = {video.id: [] for video in self.videos}
        for instance in self.instances:
            by_video[instance.video_id].append(instance)
        object.__setattr__(self, "_by_video", by_video)

    def instances_of(self, video_id: int) -> list[Instance]:
        """The objects of one video, in the order of the file."""
        return list(self._by_video[video_id])

    def check_ground_truth(self, purpose: str) -> None:
        """Raises InputError if the file has no ground truth; `purpose` ends "… ground truth"."""
        if not self.has_ground_truth:
            what = "missing" if self.lacks_key else "null"
            raise InputError(
                f"{self.path}: annotations: {what}, so this file has no ground truth {purpose}"
            )

    def check_file_names(self) -> None:
        """Raises InputError if the file does not say where the frames of a video are."""
        for number, video in enumerate(self.videos):
            if not video.file_names:
                raise InputError(
                    f"{self.path}: videos[{number}] (id {video.id}): file_names: missing, expected "
                    f"{video.length}, one for each frame"
                )

    def check_frames(self, images_dir: pathlib.Path | str) -> None:
        """Looks that every frame of every video is a file.

        Args:
          images_dir: folder that `file_names` are relative to.

        Raises:
          InputError: some are missing; says how many and names the first.
        """
        images_dir = pathlib.Path(images_dir)
        if not images_dir.is_dir():
            raise InputError(f"{images_dir}: no such folder, expected the frames of {self.path}")
        present: dict[str, set[str]] = {}
        self.check_file_names()
        names = [name for video in self.videos for name in video.file_names]
        missing = [name for name in names if not _exists(images_dir, name, present)]
        if missing:
            raise InputError(
                f"{images_dir}: {len(missing)} of {len(names)} frames of {self.path} are missing: "
                + ", ".join(missing[:_SHOWN])
                + (", …" if len(missing) > _SHOWN else "")
                + _backslash_hint(images_dir, missing)
            )


@dataclasses.dataclass(frozen=True)
class Header:
    """What an annotation file says before its objects; see `Annotations`."""

    videos: tuple[Video, ...]
    categories: tuple[Category, ...]


def load_header(path: pathlib.Path | str) -> Header:
    """Reads videos and categories, and no further than needed.

    Raises:
      InputError: as `load_annotations`.
    """
    path, parts = str(path), {}
    with open_json(path) as stream:
        for key in stream.members():
            if key in ("videos", "categories"):
                parts[key] = stream.value()
            if len(parts) == 2:
                break
    return Header(parse_videos(parts, path), parse_categories(parts, path))


def load_annotations(
    path: pathlib.Path | str, on_annotation: Callable[[], object] = lambda: None
) -> Annotations:
    """Reads and checks an annotation file.

    The file is read piece by piece and the masks are kept as they stand in it, so that a file of
    hundreds of megabytes takes seconds, and about its own size of memory.

    Args:
      path: of the file.
      on_annotation: called after each object that is read.

    Raises:
      InputError: the file is missing, malformed or contradicts itself; lists all problems up to a
        limit, with entry, field and frame.
    """
    path, parts = str(path), {}
    with open_json(path) as stream:
        if stream.peek() != "{":
            is_list = ", is a list: are these results?" if stream.peek() == "[" else ""
            raise InputError(
                f"{path}: expected an object with videos, categories, annotations{is_list}"
            )
        for key in stream.members():
            if key == "annotations" and stream.peek() == "[":
                parts[key] = []
                for record in stream.elements():
                    parts[key].append(compact_annotation(record))
                    on_annotation()
            elif key in ("videos", "categories", "annotations"):
                parts[key] = stream.value()
        stream.end()
    return checked_annotations(parts, path)


def checked_annotations(parts: dict, path: str) -> Annotations:
    """Checks the contents of an annotation file.

    Args:
      parts: `videos`, `categories` and `annotations` of the file; each entry of the last is what
        `compact_annotation` gave, and is changed.
      path: of the file, for messages.

    Raises:
      InputError: as `load_annotations`.
    """
    problems = Problems()
    annotations = parts.get("annotations")
    if not isinstance(annotations, list | None):
        problems.add(f"{path}: annotations: expected a list or null, is {kind(annotations)}")
        annotations = None
    videos = read_videos(parts, path, problems)
    categories = read_categories(parts, path, problems)
    if isinstance(parts.get("videos"), list) and isinstance(parts.get("categories"), list):
        instances = parse_instances(annotations or [], videos, categories, path, problems)
    problems.finish()
    return Annotations(
        path,
        tuple(videos.records),
        sorted_categories(categories),
        instances,
        has_ground_truth=annotations is not None,
        lacks_key="annotations" not in parts,
    )


def _backslash_hint(folder: pathlib.Path, missing: Sequence[str]) -> str:
    """Says so if archives from Windows were unpacked into files whose names hold backslashes."""
    found = next((n for n in missing if (folder / n.replace("/", "\\")).is_file()), None)
    if found is None or "/" not in found:
        return ""
    name = found.replace("/", "\\")
    return f" (a file named {name!r} is there; expected the folder {found.rpartition('/')[0]!r})"


def _exists(folder: pathlib.Path, name: str, present: dict[str, set[str]]) -> bool:
    """Whether `folder`/`name` is there; `present` keeps what was seen, by subfolder."""
    subfolder, file = os.path.split(name)
    if subfolder not in present:
        try:
            present[subfolder] = set(os.listdir(folder / subfolder))
        except OSError:
            present[subfolder] = set()
    return file in present[subfolder]
