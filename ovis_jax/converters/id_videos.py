"""Videos as folders of PNG files whose pixels are numbers, whatever the numbers mean."""

from __future__ import annotations

import dataclasses
import pathlib
from collections.abc import Callable, Iterator, Mapping, Sequence

import numpy as np
from tqdm import tqdm

from ovis_jax.converters.clips import Clip
from ovis_jax.converters.indexed_png import read_numbers, recorded_name, write_numbers
from ovis_jax.converters.sources import Sources
from ovis_jax.converters.video_folders import subfolders
from ovis_jax.converters.written_names import numbering_note, written_videos
from ovis_jax.formats import rle
from ovis_jax.formats.annotations import Annotations, Instance, Video
from ovis_jax.formats.errors import InputError

_MOST_NUMBERS = 5000  # in one file; a photograph or a depth map has more


@dataclasses.dataclass(frozen=True)
class IdVideo:
    """What the files of a video say.

    Attributes:
      folder: its name.
      file_names: of its frames, [T].
      width: of every frame; likewise `height`.
      height: see `width`.
      masks: for each number but 0, in the order of their first frames, the mask in each frame that
        has it: compressed, by frame.
    """

    folder: str
    file_names: Sequence[str]
    width: int
    height: int
    masks: Mapping[int, Mapping[int, dict]]

    def clip(self, category_ids: Mapping[int, int]) -> Clip:
        """The video with the objects whose numbers have a category id."""
        clip = Clip(self.file_names, self.width, self.height)
        for number, masks in self.masks.items():
            if number in category_ids:
                for frame, mask in masks.items():
                    clip.add(number, category_ids[number], frame, mask)
        return clip


def read_videos(
    path: pathlib.Path,
    sources: Sources,
    check: Callable[[pathlib.Path, list[int]], None] = lambda file, numbers: None,
) -> Iterator[IdVideo]:
    """Reads a folder of PNGs, or a folder of such folders.

    Args:
      path: the folder.
      sources: may know the names of the frames.
      check: gets each file with the numbers in it, and raises if they make no sense.

    Raises:
      InputError: a file cannot be used.
    """
    for folder, files in tqdm(subfolders(path, ".png"), unit="video", disable=None, leave=False):
        recorded = [recorded_name(file) for file in files]
        names = sources.frame_names(folder, [file.stem for file in files], recorded)
        masks: dict[int, dict[int, dict]] = {}
        size = None
        for frame, file in enumerate(files):
            pixels = read_numbers(file)
            height, width = pixels.shape
            size = size or (width, height)
            if (width, height) != size:
                first = f"{size[0]}x{size[1]}"
                raise InputError(f"{file}: {width}x{height} pixels, the first frame has {first}")
            for number in _numbers(file, pixels, check):
                masks.setdefault(number, {})[frame] = rle.encode(pixels == number)
        yield IdVideo(folder, names, *size, masks)


def write_videos(
    path: pathlib.Path, annotations: Annotations, numbers: dict[int | str, int], dtype: type
) -> list[str]:
    """Writes `path`/video/frame.png.

    Args:
      path: the folder.
      annotations: to be written.
      numbers: of the objects, by instance id; objects without are left out.
      dtype: of the pixels, uint8 or uint16.

    Returns:
      What was lost or is otherwise than one may expect.
    """
    shared, written = 0, written_videos(annotations)
    for place in tqdm(written, unit="video", disable=None, leave=False):
        (path / place.folder).mkdir(parents=True)
        drawn = [i for i in annotations.instances_of(place.video.id) if i.id in numbers]
        told = place.told_by([f"{place.folder}/{stem}.jpg" for stem in place.stems])
        for frame, name in enumerate(place.video.file_names):
            pixels, overlap = _draw(place.video, drawn, numbers, frame, dtype)
            shared += overlap
            file = path / place.folder / f"{place.stems[frame]}.png"
            write_numbers(file, pixels, None if told else name)
    notes = []
    if any(instance.iscrowd for instance in annotations.instances):
        notes.append("crowds are not kept")
    if any(instance.occlusion for instance in annotations.instances):
        notes.append("occlusion levels are not kept")
    if shared:
        notes.append(f"{shared} pixels of several objects are kept for the last of them")
    return notes + numbering_note(written, ".png")


def _numbers(
    file: pathlib.Path, pixels: np.ndarray, check: Callable[[pathlib.Path, list[int]], None]
) -> list[int]:
    """The checked numbers of a file, without 0."""
    numbers = [number for number in np.unique(pixels).tolist() if number]
    if len(numbers) > _MOST_NUMBERS:
        raise InputError(f"{file}: {len(numbers)} different numbers, expected those of objects")
    check(file, numbers)
    return numbers


def _draw(
    video: Video, drawn: list[Instance], numbers: dict[int | str, int], frame: int, dtype: type
) -> tuple[np.ndarray, int]:
    """The numbers of a frame, and how many pixels belong to several objects."""
    pixels, overlap = np.zeros((video.height, video.width), dtype), 0
    for instance in drawn:
        mask = instance.mask(frame)
        if mask is not None:
            inside = mask.astype(bool)
            overlap += np.count_nonzero(pixels[inside])
            pixels[inside] = numbers[instance.id]
    return pixels, overlap
