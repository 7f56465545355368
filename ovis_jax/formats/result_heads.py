"""Everything of a track in results but its masks: video, category and score."""

from __future__ import annotations

import collections
import dataclasses
import sys

from ovis_jax.formats.annotation_records import Video
from ovis_jax.formats.annotations import Annotations, Header
from ovis_jax.formats.errors import InputError
from ovis_jax.formats.fields import as_record, required, shown, whole_number

NO_CATEGORY = -1
"""Category id of a track without one, where categories are not looked at."""

UNKNOWN = ("videos", "categories")
"""What the annotations may lack so that a track can be dropped."""


@dataclasses.dataclass(frozen=True)
class ResultsOptions:
    """How results are read.

    Attributes:
      ignore_unknown: of UNKNOWN; a track whose video or category the annotations lack is dropped
        and counted instead of being an error.
      class_agnostic: a track may have any category, or none (`NO_CATEGORY`).
    """

    ignore_unknown: frozenset[str] = frozenset()
    class_agnostic: bool = False


AS_ANNOTATED = ResultsOptions()
"""Videos and categories are those of the annotations."""


class UnknownId(Exception):
    """A track of something that the annotations lack, to be dropped."""


class ResultHeads:
    """Reads of each record everything but the masks.

    Attributes:
      dropped: see `ReadResults`.
    """

    def __init__(self, annotations: Annotations | Header, options: ResultsOptions):
        """Nothing read yet; what is known is that of `annotations`."""
        self._videos = {video.id: video for video in annotations.videos}
        self._categories = {category.id for category in annotations.categories}
        self._options = options
        self.dropped = {kind: collections.Counter() for kind in UNKNOWN}

    def read(self, record: object, where: str) -> tuple[str, tuple[Video, int, float]]:
        """Names the entry; its video, category id and score."""
        record = as_record(record, where)
        video = self._video(record, where)
        where = f"{where} (video {video.id})"
        category_id = self._category_id(record, where)
        score = required(record, "score", where)
        if type(score) not in (int, float) or not abs(score) <= sys.float_info.max:
            raise InputError(f"{where}: score: expected a finite number, is {shown(score)}")
        return where, (video, category_id, float(score))

    def _video(self, record: dict, where: str) -> Video:
        video_id = whole_number(record, "video_id", where)
        if video_id in self._videos:
            return self._videos[video_id]
        self._drop_if_ignored("videos", video_id)
        hint = ", which count from 1: are videos counted from 0 here?"
        counted_from_0 = video_id == 0 and 1 in self._videos
        raise InputError(
            f"{where}: video_id: {video_id} is not in the annotations"
            + (hint if counted_from_0 else "")
        )

    def _category_id(self, record: dict, where: str) -> int:
        if self._options.class_agnostic and record.get("category_id") is None:
            return NO_CATEGORY
        category_id = whole_number(record, "category_id", where)
        if category_id not in self._categories and not self._options.class_agnostic:
            self._drop_if_ignored("categories", category_id)
            raise InputError(f"{where}: category_id: {category_id} is not in the annotations")
        return category_id

    def _drop_if_ignored(self, kind: str, value: int) -> None:
        if kind in self._options.ignore_unknown:
            self.dropped[kind][value] += 1
            raise UnknownId
