"""Changed files of CVAT are read or refused with a message, and raise nothing else."""

import random
import re

import pytest
from converters.cvat_documents import (
    POINTS,
    SIZE,
    document,
    entry,
    read_path,
    task,
    track,
    write_zip,
)

from ovis_jax.formats.errors import InputError

BRUSH = dict(tag="mask", rle="0, 3, 1", width=2, height=2, left=3, top=3)
ELLIPSE = dict(tag="ellipse", cx=6, cy=4, rx=2, ry=2, rotation=20)
SEGMENTS = "<segment><start>5</start><stop>8</stop></segment>"
TRACKS = (
    track(entry(5), entry(6, outside=1), group_id=1),
    track(entry(6), entry(7), group_id=1, label="dog"),
    track(entry(5, **BRUSH), entry(6, outside=1, **BRUSH), group_id=2),
    track(entry(6, **ELLIPSE), entry(7, **ELLIPSE), entry(9, outside=1, **ELLIPSE)),
)
PROJECT = "".join(task(9, id=n, name="clip", subset="a", start_frame=n) for n in (1, 2))
BOX = entry(6, tag="box", xtl=1, ytl=1, xbr=3, ybr=3)
SEEDS = {
    "task": document(task(9), *TRACKS),
    "job": document(
        task(4, kind="job", original="", start_frame=5, stop_frame=8, segments=SEGMENTS) + SIZE,
        *TRACKS,
    ),
    "images": document(task(9, original="", mode="annotation"), *TRACKS),
    "project": document(
        f"<project><tasks>{PROJECT}</tasks></project>",
        *(t.replace("<track", f'<track task_id="{n % 2 + 1}"') for n, t in enumerate(TRACKS)),
    ),
    "step": document(task(9, start_frame=5, frame_filter="step=1"), *TRACKS),
    "box": document(task(9), *TRACKS, track(BOX)),
    "for images": document(
        task(9), f'<image id="0"><polygon label="car" points="{POINTS}"/></image>'
    ),
}
VALUES = (
    "", "0", "1", "-1", "2", "5", "9", "1.5", "1e400", "nan", "-0", "9" * 30, "9" * 5000, "x", "é",
    "\x7f", "&#0;", "&#1;", "&lt;", "&x;", "1,2", "1,2;3,4;5,6", ";", ",", "0,4", "4,0", "step=0",
    "step=99999999999", "1048577", "None", "a/b", "..",
)  # fmt: skip


PIECES = re.compile(r'(?<==")[^"]*(?=")|(?<=>)[^<]*(?=<)')
NAMES = re.compile(r'</?\w+|\w+(?==")')


def changed(content, rng):
    """With one to three values, names or pieces changed."""
    for _ in range(rng.randint(1, 3)):
        pieces = [match.span() for match in PIECES.finditer(content)]
        names = [match.span() for match in NAMES.finditer(content)]
        kind = rng.randrange(5)
        start, end = rng.choice(names if kind == 1 else pieces)
        if kind == 0:
            end, new = start + rng.randint(1, 30), ""
        elif kind == 1:
            new = rng.choice(["<a", "box", "</polygon", "frame"])
        elif kind == 2:
            new = content[slice(*rng.choice(pieces))]
        else:
            new = rng.choice(VALUES)
        content = content[:start] + new + content[end:]
    return content


@pytest.mark.parametrize("kind", ["task", "job", "project", "step"])
def test_the_files_that_are_changed_can_be_read(tmp_path, kind):
    path = write_zip(tmp_path / "clip.zip", annotations_xml=SEEDS[kind])
    assert len(read_path(path).instances) == 4


@pytest.mark.parametrize("kind", SEEDS)
@pytest.mark.parametrize("seed", range(4))
def test_changed_files_are_read_or_refused(tmp_path, kind, seed):
    rng = random.Random(f"{kind} {seed}")
    for number in range(40):
        content = changed(SEEDS[kind], rng)
        if number % 4:
            path = tmp_path / "clip.xml"
            path.write_text(content)
        else:
            path = write_zip(tmp_path / "clip.zip", annotations_xml=content)
        try:
            read = read_path(path, skip_shapes=rng.random() < 0.5)
            for instance in read.instances:
                for frame in range(len(instance.segmentations)):
                    instance.mask(frame)
        except InputError as error:
            assert "clip" in str(error)


def test_changed_archives_are_read_or_refused(tmp_path):
    rng = random.Random(1)
    path = write_zip(tmp_path / "clip.zip", annotations_xml=SEEDS["task"], images__1_png="x")
    whole = path.read_bytes()
    for _ in range(300):
        content = bytearray(whole)
        for _ in range(rng.randint(1, 3)):
            content[rng.randrange(len(content))] = rng.randrange(256)
        path.write_bytes(content[: rng.choice([len(content), rng.randrange(len(content))])])
        try:
            read_path(path)
        except InputError as error:
            assert "clip.zip" in str(error)
