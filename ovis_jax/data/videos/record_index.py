"""The index beside built records: what the pipeline knows of a split before it reads a frame.

Record number `first[video] + frame` holds a frame, where `first` counts the frames of the videos
before; videos are in the order of the annotation file.
"""

from __future__ import annotations

import dataclasses
import io
import json
import zipfile
from collections.abc import Sequence

import numpy as np
from etils import epath

from ovis_jax.data.videos.index import VideoObjects
from ovis_jax.formats.annotations import Category, Video
from ovis_jax.formats.errors import InputError
from ovis_jax.structures import UNKNOWN_OCCLUSION

_OPTIONAL = ("num_crowds", "crowds_are_objects", "boxes")  # absent in older indexes


@dataclasses.dataclass(frozen=True)
class RecordIndex:
    """What the index of a split says.

    Attributes:
      categories: sorted by id.
      videos: their objects.
      has_ground_truth: False if the annotation file's `annotations` is null.
      prepared: (longer, shorter) side that resized frames fit into; None if the frames are not
        resized.
      num_crowds: of all videos, which are not among the objects.
      crowds_are_objects: the file's crowds are, since the records were built so.
      boxes: "file"; or "masks", around which the boxes are.
    """

    categories: tuple[Category, ...]
    videos: Sequence[VideoObjects]
    has_ground_truth: bool
    prepared: tuple[int, int] | None
    num_crowds: int = 0
    crowds_are_objects: bool = False
    boxes: str = "file"

    def first_records(self) -> np.ndarray:
        """[videos + 1] int, the record of each video's first frame, and their number."""
        return np.cumsum([0] + [video.video.length for video in self.videos])


def index_path(folder: epath.PathLike, split: str) -> epath.Path:
    """The index of a split in the folder of a built data set."""
    return epath.Path(folder) / f"index_{split}.npz"


def write_index(path: epath.PathLike, index: RecordIndex) -> None:
    """Writes an index."""
    header = {
        "categories": [dataclasses.asdict(category) for category in index.categories],
        "videos": [dataclasses.asdict(objects.video) for objects in index.videos],
        "has_ground_truth": index.has_ground_truth,
        "prepared": index.prepared,
        **{field: getattr(index, field) for field in _OPTIONAL},
    }
    content = io.BytesIO()
    np.savez_compressed(
        content,
        header=np.frombuffer(json.dumps(header).encode(), np.uint8),
        num_objects=[len(video.tracks) for video in index.videos],
        tracks=_joined(index.videos, "tracks", np.int64),
        category_ids=_joined(index.videos, "category_ids", np.int64),
        boxes=_joined(index.videos, "boxes", np.float32),
        areas=_joined(index.videos, "areas", np.float32),
        counts=_joined(index.videos, "counts", bool),
        occlusion=_joined(index.videos, "occlusion", np.int8),
    )
    epath.Path(path).write_bytes(content.getvalue())


def read_index(path: epath.PathLike) -> RecordIndex:
    """Reads an index.

    Raises:
      InputError: there is none, or it is damaged.
    """
    try:
        with np.load(io.BytesIO(epath.Path(path).read_bytes())) as file:
            arrays = {name: file[name] for name in file.files}
        header = json.loads(arrays["header"].tobytes())
        videos = [Video(**_tuples(video)) for video in header["videos"]]
    except FileNotFoundError:
        raise InputError(
            f"{path}: no such file; expected a data set built with the configuration frames or "
            "prepared"
        ) from None
    except (KeyError, TypeError, ValueError, OSError, zipfile.BadZipFile) as error:
        raise InputError(f"{path}: damaged index ({error})") from error
    return RecordIndex(
        categories=tuple(Category(**category) for category in header["categories"]),
        videos=_video_objects(videos, arrays),
        has_ground_truth=header["has_ground_truth"],
        prepared=header["prepared"] and tuple(header["prepared"]),
        **{field: header[field] for field in _OPTIONAL if field in header},
    )


def _tuples(video: dict) -> dict:
    """The fields of a video, with tuples in the place of lists."""
    return {name: tuple(x) if isinstance(x, list) else x for name, x in video.items()}


def _joined(videos: Sequence[VideoObjects], field: str, dtype) -> np.ndarray:
    """One array of a field of all videos, flat."""
    return np.concatenate([np.zeros(0, dtype), *(getattr(v, field).ravel() for v in videos)])


def _video_objects(videos: list[Video], arrays: dict[str, np.ndarray]) -> list[VideoObjects]:
    counts = arrays["num_objects"]
    cells = counts * [video.length for video in videos]  # (object, frame) pairs
    objects, pairs = np.cumsum(counts)[:-1], np.cumsum(cells)[:-1]
    tracks, ids = (np.split(arrays[name], objects) for name in ("tracks", "category_ids"))
    areas, seen = (np.split(arrays[name], pairs) for name in ("areas", "counts"))
    boxes = np.split(arrays["boxes"], 4 * pairs)
    unknown = np.full(sum(cells), UNKNOWN_OCCLUSION, np.int8)
    levels = np.split(arrays.get("occlusion", unknown), pairs)  # older indexes know none
    return [
        VideoObjects(
            video=video,
            tracks=tracks[i],
            category_ids=ids[i],
            boxes=boxes[i].reshape(counts[i], video.length, 4),
            areas=areas[i].reshape(counts[i], video.length),
            counts=seen[i].reshape(counts[i], video.length),
            occlusion=levels[i].reshape(counts[i], video.length),
        )
        for i, video in enumerate(videos)
    ]
