"""Names of the files that writers make: each frame its own, read back in the order of the frames.

Names of frames become names of files where every file system keeps them apart and readers put them
in order. Otherwise frames are written under their numbers.
"""

from __future__ import annotations

import dataclasses
import pathlib
import re
import unicodedata
from collections.abc import Sequence

from ovis_jax.formats.annotations import Annotations, Video
from ovis_jax.formats.frame_names import IMAGE_SUFFIXES, distinct_in_order, is_passed_over

_FORBIDDEN = re.compile(r'[<>:"/\\|?*\x00-\x1f\x7f]')
_DEVICES = re.compile(r"(con|prn|aux|nul|com[0-9]|lpt[0-9])(\..*)?", re.IGNORECASE)  # of Windows
_LONGEST = 200  # bytes; file systems have room for 255, with suffix


@dataclasses.dataclass(frozen=True)
class WrittenVideo:
    """Where a writer puts a video.

    Attributes:
      video: that is written.
      folder: of its frames, by name; no other video has it.
      stems: of the files of its frames, [T]; all different.
      numbered: the stems are numbers, since the names of the frames would not be read in order.
    """

    video: Video
    folder: str
    stems: Sequence[str]
    numbered: bool

    def told_by(self, names: Sequence[str]) -> bool:
        """Whether readers know the names of all frames if they take them for `names`, [T].

        With a folder of images they look for the stem of the file, among images alone.
        """
        return (
            not self.numbered
            and tuple(names) == self.video.file_names
            and all(name.lower().endswith(IMAGE_SUFFIXES) for name in names)
        )


def written_videos(annotations: Annotations) -> list[WrittenVideo]:
    """Folder and file names of all videos, in their order."""
    written = []
    for video, folder in zip(annotations.videos, video_names(annotations.videos), strict=True):
        stems = [pathlib.PurePosixPath(name).stem for name in video.file_names]
        usable = _are_file_names(stems) and distinct_in_order(stems)
        if not usable:
            digits = max(5, len(str(video.length - 1)))
            stems = [f"{frame:0{digits}d}" for frame in range(video.length)]
        written.append(WrittenVideo(video, folder, stems, not usable))
    return written


def numbering_note(written: Sequence[WrittenVideo], suffix: str) -> list[str]:
    """A line about the videos whose frames are written under numbers, if there are any."""
    numbered = [video for video in written if video.numbered]
    if not numbered:
        return []
    first = numbered[0]
    return [
        f"the frames of {len(numbered)} videos are written under numbers ({first.folder}/"
        f"{first.stems[0]}{suffix} is {first.video.file_names[0]!r} …), since files of their own "
        "names would not all be different and read in their order; the names are kept in the files"
    ]


def video_names(videos: Sequence[Video]) -> list[str]:
    """A name for each video that can be that of a folder: the folder of its frames.

    Where two videos share one (capitals count for nothing), it cannot be a folder everywhere, or a
    frame is not in just one folder, `video_<id>`.
    """
    names = [_folder_of(video) for video in videos]
    while True:
        keys = [_same_file(name) if name else "" for name in names]
        others = {_same_file(f"video_{v.id}") for v, name in zip(videos, names, strict=True)
                  if not name}  # fmt: skip
        clash = [bool(key) and (keys.count(key) > 1 or key in others) for key in keys]
        if not any(clash):
            break
        names = ["" if bad else name for name, bad in zip(names, clash, strict=True)]
    return [name or f"video_{video.id}" for video, name in zip(videos, names, strict=True)]


def _folder_of(video: Video) -> str:
    """The one folder of all frames, or nothing if it is none or no name for a folder."""
    parents = {pathlib.PurePosixPath(name).parent for name in video.file_names}
    parts = parents.pop().parts
    return parts[0] if not parents and len(parts) == 1 and _is_file_name(parts[0]) else ""


def _are_file_names(stems: Sequence[str]) -> bool:
    """Whether files of these names can be side by side in any file system."""
    return all(map(_is_file_name, stems)) and len(set(map(_same_file, stems))) == len(stems)


def _is_file_name(name: str) -> bool:
    """Whether a file or folder may have this name, on any system, and readers look at it."""
    try:
        length = len(name.encode())
    except UnicodeEncodeError:
        return False
    return (
        0 < length <= _LONGEST
        and name.strip(" ") == name
        and not name.endswith(".")
        and not is_passed_over(name)
        and not _FORBIDDEN.search(name)
        and not _DEVICES.fullmatch(name)
    )


def _same_file(name: str) -> str:
    """Equal for names that are one file where capitals, or ways to write accents, do not count."""
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", name).casefold())
