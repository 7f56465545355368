"""Small files as CVAT writes them."""

import zipfile

from converters.squares import HEIGHT, SQUARE, WIDTH

from ovis_jax.converters import cvat_video
from ovis_jax.converters.sources import Sources

POINTS = ";".join(f"{x:.2f},{y:.2f}" for x, y in SQUARE)
SIZE = f"<original_size><width>{WIDTH}</width><height>{HEIGHT}</height></original_size>"


def entry(frame, outside=0, tag="polygon", inner="", keyframe=1, **fields):
    fields = dict(frame=frame, outside=outside, occluded=0, keyframe=keyframe) | (
        fields or dict(points=POINTS)
    )
    attributes = " ".join(f'{name}="{value}"' for name, value in fields.items())
    return f"<{tag} {attributes}>{inner}</{tag}>"


def track(*entries, label="car", **fields):
    attributes = "".join(f' {name}="{value}"' for name, value in fields.items())
    return f'<track id="5" label="{label}"{attributes}>{"".join(entries)}</track>'


def document(meta, *tracks):
    head = '<?xml version="1.0" encoding="utf-8"?><annotations><version>1.1</version>'
    return f"{head}<meta>{meta}</meta>{''.join(tracks)}</annotations>"


def task(size=3, kind="task", original=SIZE, **fields):
    labels = "<labels><label><name>dog</name></label><label><name>car</name></label></labels>"
    values = "".join(f"<{name}>{value}</{name}>" for name, value in fields.items())
    return f"<{kind}><size>{size}</size>{values}{labels}{original}</{kind}>"


def cvat_file(*entries, size=3, kind="task", label="car"):
    """A file with one track."""
    return document(task(size, kind), track(*entries, label=label))


def read_cvat(folder, content, name="clip", notes=None, **sources):
    """Reads a file; `notes`, a list, gets the notes."""
    (folder / f"{name}.xml").write_text(content)
    return read_path(folder / f"{name}.xml", notes, **sources)


def read_path(path, notes=None, **sources):
    sources = Sources(**sources)
    read = cvat_video.read(path, sources)
    if notes is not None:
        notes += sources.notes
    return read


def write_zip(path, **members):
    """An archive; `__` in a name stands for a slash."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name.replace("__", "/").replace("_xml", ".xml"), content)
    return path


def areas(instance):
    return instance.areas.tolist()
