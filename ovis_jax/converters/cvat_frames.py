"""Frames of a video of CVAT: the names and the size of their images."""

from __future__ import annotations

import dataclasses
import pathlib
import re
from collections.abc import Callable, Sequence

from ovis_jax.converters.cvat_files import CvatFile, size_in_file
from ovis_jax.converters.cvat_meta import Task
from ovis_jax.converters.cvat_numbering import Numbering
from ovis_jax.converters.sources import Sources
from ovis_jax.formats.errors import InputError
from ovis_jax.formats.frame_names import natural_order
from ovis_jax.formats.image_size import image_size

_NAME = re.compile("frame_([0-9]{1,15})", re.IGNORECASE)


@dataclasses.dataclass(frozen=True)
class Images:
    """Images of a video.

    Attributes:
      where: they are, for messages.
      names: relative to the folder of all frames, in order.
      size: width and height of the image with a name.
    """

    where: str
    names: Sequence[str]
    size: Callable[[str], tuple[int, int]]


@dataclasses.dataclass(frozen=True)
class Frames:
    """The frames of a video that are used.

    Attributes:
      names: of their files, relative to the folder of all frames.
      indices: of those frames in the task; others were deleted.
    """

    names: Sequence[str]
    indices: Sequence[int]


def images_of(task: Task, file: CvatFile, sources: Sources) -> Images | None:
    """The images that the user gives, or those in the archive, or None.

    Those of an archive that was unpacked count only where the size is not known without them.

    Raises:
      InputError: there is no folder of them, or their order is in doubt.
    """
    if sources.images is not None:
        root = sources.images
        folder = next((name for name in task.names if (root / name).is_dir()), task.names[0])
        names = sources.image_names(folder)
        return Images(str(root / folder), names, lambda name: image_size(root / name))
    in_subsets = file.root.find("meta/project") is not None
    if not file.images or in_subsets or (task.size and not file.packed):
        return None
    where, folder = str(file.path if file.packed else file.path.parent / "images"), task.names[0]
    parent = pathlib.PurePosixPath(file.images[0]).parent
    ordered = natural_order([pathlib.PurePosixPath(name).name for name in file.images], where)
    names = [str(pathlib.PurePosixPath(folder, parent, name)) for name in ordered]
    return Images(where, names, lambda name: size_in_file(file, name.removeprefix(f"{folder}/")))


def frames_of(
    task: Task,
    numbering: Numbering,
    deleted: Sequence[int],
    images: Images | None,
    note: Callable[[str], None],
) -> Frames:
    """Names of frames: those of the images, or of CVAT's own exports if there are none.

    Images may lack frames that were deleted. There may be more images than the task, or job, uses
    of its video: then its frame numbers count images.

    Args:
      task: whose video it is.
      numbering: of its frames.
      deleted: indices of frames without any track.
      images: of the video.
      note: takes what the user should know.

    Raises:
      InputError: the number of images is another than that of frames.
    """
    everything = range(task.length)
    if images is None:
        name = task.names[0]
        return Frames([f"{name}/frame_{n:06d}.jpg" for n in numbering.numbers], everything)
    num_images = len(images.names)
    if num_images == task.length:
        return Frames(images.names, everything)
    by_number = _by_number(images.names, numbering)
    if by_number:
        if len(by_number) < task.length:
            missing = task.length - len(by_number)
            note(f"{images.where}: there are no images of {missing} frames, which are left out")
        return Frames(list(by_number.values()), list(by_number))
    kept = sorted(set(everything) - set(deleted))
    if num_images == len(kept):
        note(f"{images.where}: there are no images of {len(deleted)} deleted frames; left out")
        return Frames(images.names, kept)
    is_part = task.is_job or numbering.first > 0 or numbering.step > 1
    if is_part and num_images > numbering.numbers[-1]:
        note(
            f"{images.where}: of {num_images} images the {task.length} are taken whose places, "
            f"from 0, are the frame numbers of the task"
        )
        return Frames([images.names[number] for number in numbering.numbers], everything)
    raise InputError(f"{images.where}: {num_images} images, the task has {task.length} frames")


def frame_size(task: Task, frames: Frames, images: Images | None, where: str) -> tuple[int, int]:
    """Width and height: those of the task, or of the images where it has none.

    Raises:
      InputError: neither is known, or the images differ.
    """
    if task.size:
        return task.size
    if images is None:
        raise InputError(
            f"{where}: original_size: missing, as in tasks made of images; give their folder with "
            f"--images, with the frames in its folder {task.names[0]}"
        )
    first = images.size(frames.names[0])
    for name in frames.names[1:]:
        size = images.size(name)
        if size != first:
            raise InputError(
                f"{images.where}: {name}: {size[0]}x{size[1]} pixels, the first frame of the "
                f"video has {first[0]}x{first[1]}"
            )
    return first


def _by_number(images: Sequence[str], numbering: Numbering) -> dict[int, str]:
    """Images by the index of their frame, if all are named by numbers as CVAT names them."""
    matches = [_NAME.fullmatch(pathlib.PurePath(image).stem) for image in images]
    if not all(matches):
        return {}
    found = {int(match.group(1)): image for match, image in zip(matches, images, strict=True)}
    return {
        index: found[number] for index, number in enumerate(numbering.numbers) if number in found
    }
