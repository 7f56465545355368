"""What a file of CVAT says of its videos: tasks, a job, or the tasks of a project; and labels.

CVAT's frame numbers (`bindings.py` of its dataset manager, 1.0 to 2.15) are those of the original
video: `start_frame + step * index`, where `frame_filter` holds `step=5` and index 0 is the first
frame of the task. `start_frame` of a job is the number of the job's first frame. In a project the
numbers of a task begin behind those of the tasks before it in its subset, that is after the sum of
their `start_frame + step * size`.
"""

from __future__ import annotations

import dataclasses
import pathlib
import re
from collections.abc import Iterable
from xml.etree.ElementTree import Element

from ovis_jax.converters.cvat_files import CvatFile
from ovis_jax.formats.annotation_fields import MAX_SIZE
from ovis_jax.formats.errors import InputError
from ovis_jax.formats.fields import shown

_DIGITS = re.compile("[0-9]{1,9}")
_STEP = re.compile(r"step\s*=\s*([1-9][0-9]{0,8})")


@dataclasses.dataclass(frozen=True)
class Task:
    """A video: a task, or a job, which is part of one.

    Attributes:
      id: that tracks refer to, or None.
      names: of its folder of images, the first also its own.
      length: number of frames.
      size: width and height of frames, or None if only they know it.
      start: number of the first frame.
      step: from a frame's number to the next one's.
      offset: added to numbers, as in projects.
      job_start: of a job, the number of its first frame without that of the task's.
      is_job: it is part of a task.
    """

    id: str | None
    names: tuple[str, ...]
    length: int
    size: tuple[int, int] | None
    start: int
    step: int
    offset: int = 0
    job_start: int = 0
    is_job: bool = False


def tasks_of(file: CvatFile) -> list[Task]:
    """The videos of a file.

    Raises:
      InputError: a field is missing or makes no sense; names it.
    """
    meta = file.root.find("meta")
    if meta is None:
        raise InputError(f"{file.where}: meta: missing, expected a description of the task")
    project = meta.findall("project/tasks/task")
    if project:
        return _in_project(project, file)
    for kind in ("task", "job"):
        element = meta.find(kind)
        if element is not None:
            task = _task(element, f"{file.where}: meta/{kind}", meta)
            names = (file.name, *(name for name in task.names if name != file.name))
            return [dataclasses.replace(task, names=names)]
    raise InputError(f"{file.where}: meta/task: missing, also meta/job and meta/project/tasks")


def labels_of(file: CvatFile) -> dict[str, str]:
    """Names of declared labels, by their names, and by their ids where those are declared too."""
    labels = [
        label for label in file.root.iterfind("meta//labels/label") if label.find("parent") is None
    ]
    names = {label.findtext("name"): label.findtext("name") for label in labels}
    numbers = {label.findtext("id"): label.findtext("name") for label in labels}
    both = names | {key: name for key, name in numbers.items() if key not in names}
    return {key: name for key, name in both.items() if key and name}


def _in_project(elements: list[Element], file: CvatFile) -> list[Task]:
    where = f"{file.where}: meta/project/tasks"
    tasks, offset, subset = [], 0, None
    for number, element in enumerate(elements):
        task = _task(element, f"{where}/task[{number}]", None)
        if element.findtext("subset") != subset:
            offset, subset = 0, element.findtext("subset")
        tasks.append(dataclasses.replace(task, offset=offset))
        offset += task.start + task.step * task.length
    ids = [task.id for task in tasks]
    if len(set(ids)) < len(ids) or (len(ids) > 1 and None in ids):
        raise InputError(f"{where}: expected another id for every task")
    plain = _unique(task.names[0] if task.names else "" for task in tasks)
    stems = _unique(task.names[-1] if task.names else "" for task in tasks)
    numbered = [f"task_{task.id}" if task.id else file.name for task in tasks]
    return [
        dataclasses.replace(task, names=tuple(dict.fromkeys(filter(None, names))))
        for task, *names in zip(tasks, plain, numbered, stems, strict=True)
    ]


def _unique(names: Iterable[str]) -> list[str]:
    """The names; "" instead of those that come twice, in capitals or not."""
    names = list(names)
    folded = [name.casefold() for name in names]
    return [name if folded.count(name.casefold()) == 1 else "" for name in names]


def _is_folder_name(name: str) -> bool:
    return name not in ("", ".", "..") and pathlib.PureWindowsPath(name).name == name


def _task(element: Element, where: str, meta: Element | None) -> Task:
    """A task or a job; the size of frames of a job stands beside it."""
    start = _number(element, "start_frame", where, 0)
    segment = _number(element, "segments/segment/start", where, 0)
    step = _STEP.search(element.findtext("frame_filter") or "")
    step = int(step.group(1)) if step else 1
    if element.tag == "job" and not element.findtext("start_frame"):
        start = segment * step
    name = (element.findtext("name") or "").strip()
    names = dict.fromkeys((name, pathlib.PurePath(name).stem)) if _is_folder_name(name) else ()
    return Task(
        id=(element.findtext("id") or "").strip() or None,
        names=tuple(names),
        length=_length(element, where, start, step),
        size=_size(element, where) or (_size(meta, where) if meta is not None else None),
        start=start,
        step=step,
        job_start=segment * step if element.tag == "job" else 0,
        is_job=element.tag == "job",
    )


def _length(element: Element, where: str, start: int, step: int) -> int:
    """The size of the task, or else what its first and last frame say."""
    stop = _number(element, "stop_frame", where, -1)
    length = _number(element, "size", where, (stop - start) // step + 1 if stop >= start else 0)
    if not 1 <= length <= MAX_SIZE:
        raise InputError(f"{where}/size: expected a whole number from 1 to {MAX_SIZE}")
    return length


def _size(element: Element, where: str) -> tuple[int, int] | None:
    """Width and height of frames, where they are stated."""
    size = element.find("original_size")
    if size is None or not any((side.text or "").strip() for side in size):
        return None
    here = f"{where}/original_size"
    sides = {side: _number(size, side, here, 0) for side in ("width", "height")}
    for side, value in sides.items():
        if not 1 <= value <= MAX_SIZE:
            raise InputError(f"{here}/{side}: expected a whole number from 1 to {MAX_SIZE}")
    return sides["width"], sides["height"]


def _number(element: Element, path: str, where: str, default: int) -> int:
    """The whole number in an element below another; `default` if there is none or it is empty."""
    text = (element.findtext(path) or "").strip()
    if not text:
        return default
    if not _DIGITS.fullmatch(text):
        raise InputError(f"{where}/{path}: expected a whole number, is {shown(text)}")
    return int(text)
