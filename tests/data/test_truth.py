"""Annotated objects of whole videos, as oracles of prediction read them."""

import json

import numpy as np
import pytest
from tiny_ovis import write_tiny_ovis

from ovis_jax.data.from_config import annotation_options, resizing
from ovis_jax.data.transforms import frame_geometry
from ovis_jax.data.truth import Truth
from ovis_jax.formats.annotations import load_annotations
from ovis_jax.formats.errors import InputError

LABELS = [3, 7]  # category ids of the labels 0 and 1


def truth_of(folder, change=lambda document: None, **options):
    """Annotations, truth, and that of the first video, of which `change` may change the file."""
    data = write_tiny_ovis(folder)
    path = folder / "annotations.json"
    document = json.loads(path.read_text())
    change(document)
    path.write_text(json.dumps(document))
    annotations = load_annotations(path)
    truth = Truth(annotations, LABELS, annotation_options(data), pytest.fail, **options)
    video = annotations.videos[0]
    own = truth.of(video, frame_geometry(video.width, video.height, resizing(data)))
    return annotations, truth, own


@pytest.mark.parametrize("inclusive", [True, False])
def test_the_objects_of_each_frame_stand_in_its_first_slots(tmp_path, inclusive):
    annotations, truth, own = truth_of(tmp_path, inclusive_boxes=inclusive)
    last = int(inclusive)
    red, green = annotations.instances_of(1)
    assert truth.capacity == 2
    # Green is hidden in frame 1, and both in the last one.
    seen = [[0, 1], [0], [0, 1], [0, 1], [0, 1], []]
    for frame, objects in enumerate(seen):
        valid = own.instances.valid[frame]
        assert valid.tolist() == [slot < len(objects) for slot in range(2)]
        assert own.instances.identities[frame][valid].tolist() == objects
        assert own.instances.labels[frame][valid].tolist() == objects
        for slot, number in enumerate(objects):
            instance = (red, green)[number]
            x, y, width, height = instance.boxes[frame]
            corners = np.array([x, y, x + width - last, y + height - last])
            corners = corners * 0.75  # 64x40 to 48x30
            np.testing.assert_allclose(own.instances.boxes[frame, slot], corners, rtol=1e-6)
            assert own.rle(frame, number) == instance.rle(frame)


def test_crowds_are_no_objects_and_identities_count_them(tmp_path):
    def first_is_a_crowd(document):
        document["annotations"][0]["iscrowd"] = 1

    annotations, truth, own = truth_of(tmp_path, first_is_a_crowd)
    assert truth.capacity == 2  # of the other videos
    assert own.instances.valid.sum(axis=1).tolist() == [1, 0, 1, 1, 1, 0]
    assert set(own.instances.identities[own.instances.valid].tolist()) == {1}
    assert own.rle(0, 1) == annotations.instances_of(1)[1].rle(0)


def test_data_without_videos_have_no_objects(tmp_path):
    write_tiny_ovis(tmp_path)
    path = tmp_path / "annotations.json"
    document = json.loads(path.read_text())
    path.write_text(json.dumps(document | {"videos": [], "annotations": []}))
    options = annotation_options(write_tiny_ovis(tmp_path / "other"))
    assert Truth(load_annotations(path), LABELS, options, pytest.fail).capacity == 1


def test_without_ground_truth_there_is_nothing_to_read(tmp_path):
    with pytest.raises(InputError, match="annotations: null.*an oracle"):
        truth_of(tmp_path, lambda document: document.update(annotations=None))
