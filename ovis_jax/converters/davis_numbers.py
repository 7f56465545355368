"""Which numbers in the pixels of DAVIS videos are objects, and which are void."""

from __future__ import annotations

from collections.abc import Mapping

from ovis_jax.converters.id_videos import IdVideo
from ovis_jax.formats import rle

_VOID = 255
_VOID_16_BITS = 65535
_SMALLEST_MOTS = 1000


class DavisNumbers:
    """Decides for one video after the other and remembers what the user should know of it.

    255 is void, and so is 65535 in 16 bits. But where the one of them is the only number of a video
    besides 0, the video has one object in black and white; and where there are other numbers above
    255, 255 is one of them.
    """

    def __init__(self):
        """No video yet."""
        self._videos: dict[str, list[str]] = {}  # by what was noted

    def of_objects(self, video: IdVideo) -> list[int]:
        """The numbers of a video that are objects."""
        numbers = set(video.masks)
        if len(numbers) == 1 and numbers <= {_VOID, _VOID_16_BITS}:
            self._note(
                f"{min(numbers)} is the only number besides 0 and taken as one object, not as void",
                video,
            )
            return list(numbers)
        void = {_VOID, _VOID_16_BITS}
        if any(_VOID < number < _VOID_16_BITS for number in numbers):
            void = {_VOID_16_BITS}
            if _VOID in numbers:
                self._note("255 is an object, not void, since there are numbers above it", video)
        objects = [number for number in video.masks if number not in void]
        for number in sorted(void & numbers):
            self._note(f"{number} is taken as void, not as an object", video)
        if _pixels(video.masks, void & numbers) > _pixels(video.masks, objects):
            self._note("void has more pixels than all objects; is it an object?", video)
        if objects and min(objects) >= _SMALLEST_MOTS:
            self._note("all numbers are 1000 or more, as those of MOTS (--from mots)", video)
        return objects

    def notes(self) -> list[str]:
        """A line for each thing that was noted, with the videos."""
        lines = []
        for text, folders in self._videos.items():
            first = folders[0] + (f" and {len(folders) - 1} more" if len(folders) > 1 else "")
            lines.append(f"video {first}: {text}")
        return lines

    def _note(self, text: str, video: IdVideo) -> None:
        self._videos.setdefault(text, []).append(video.folder)


def _pixels(masks: Mapping[int, Mapping[int, dict]], numbers: list[int] | set[int]) -> int:
    return sum(int(rle.area(list(masks[number].values())).sum()) for number in numbers)
