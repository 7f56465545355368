from xml.etree import ElementTree

from converters.cvat_documents import (
    document,
    entry,
    read_cvat,
    read_path,
    task,
    track,
)
from converters.random_clips import random_annotations, tracks

from ovis_jax.converters import cvat_video


def test_the_videos_of_a_project_come_back_from_the_files_that_are_written(tmp_path):
    tasks = "".join(task(3, id=n, name=f"clip {n}", subset="a") for n in (4, 7))
    first = track(entry(0), entry(1, outside=1), task_id=4)
    second = track(entry(4), entry(5), task_id=7, label="dog")
    meta = f"<project><tasks>{tasks}</tasks></project>"
    annotations = read_cvat(tmp_path, document(meta, first, second))
    cvat_video.write(tmp_path / "there", annotations)
    assert sorted(p.name for p in (tmp_path / "there").iterdir()) == ["clip 4.xml", "clip 7.xml"]
    back = read_path(tmp_path / "there")
    assert tracks(back, names=False) == tracks(annotations, names=False)


def test_written_files_have_the_fields_that_readers_of_cvat_need(tmp_path):
    cvat_video.write(tmp_path, random_annotations(5))
    for path in tmp_path.iterdir():
        root = ElementTree.parse(path).getroot()
        meta = root.find("meta/task")
        length = int(meta.findtext("size"))
        assert int(meta.findtext("start_frame")) == 0
        assert int(meta.findtext("stop_frame")) == length - 1
        for polygon in root.iterfind("track/polygon"):
            assert 0 <= int(polygon.get("frame")) < length
            assert {"points", "outside", "occluded", "keyframe"} <= set(polygon.keys())
