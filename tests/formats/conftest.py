import json

import pytest

from ovis_jax.formats import rle


def _record(instance_id, video_id, category_id, masks):
    return {
        "id": instance_id,
        "video_id": video_id,
        "category_id": category_id,
        "iscrowd": 0,
        "width": 6,
        "height": 4,
        "length": len(masks),
        "segmentations": masks,
        "bboxes": [None if m is None else [1.0, 1.0, 2.0, 2.0] for m in masks],
        "areas": [None if m is None else 4 for m in masks],
        "occlusion": [None if m is None else "no_occlusion" for m in masks],
    }


@pytest.fixture
def contents():
    """A file of two videos of 6x4 pixels and three objects, to be changed by a test."""
    mask = rle.from_polygons([[1, 1, 3, 1, 3, 3, 1, 3]], 4, 6)
    videos = [
        {"id": 7, "width": 6, "height": 4, "length": 3, "file_names": ["a/0", "a/1", "a/2"]},
        {"id": 2, "width": 6, "height": 4, "length": 2, "file_names": ["b/0", "b/1"]},
    ]
    annotations = [
        _record(10, 7, 5, [mask, None, mask]),
        _record(11, 2, 3, [mask, mask]),
        _record(12, 7, 3, [None, None, mask]),
    ]
    categories = [{"id": 5, "name": "Dog"}, {"id": 3, "name": "Cat"}]
    whole = {"videos": videos, "categories": categories, "annotations": annotations}
    return json.loads(json.dumps(whole))  # no part is shared


@pytest.fixture
def write(tmp_path):
    """Writes a test's contents, returns the path."""

    def write_file(contents, name="file.json"):
        path = tmp_path / name
        path.write_text(contents if isinstance(contents, str) else json.dumps(contents))
        return path

    return write_file
