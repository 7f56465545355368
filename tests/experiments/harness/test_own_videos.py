import json

import numpy as np
import pytest

from experiments.harness.own_videos import OWN_VIDEOS, label_videos
from ovis_jax.data.shapes.parameters import ShapesParameters
from ovis_jax.formats.annotations import load_annotations
from ovis_jax.formats.errors import InputError

SMALL = ShapesParameters(
    train_videos=4, valid_videos=0, frames=5, width=96, height=64, sizes=(16.0, 32.0)
)


def test_labels_of_some_frames_become_two_files_with_the_masks_of_these_frames(tmp_path):
    folder = tmp_path / "own"
    label_videos(folder, SMALL)
    whole = load_annotations(folder / "shapes/annotations_train.json")
    masks = {v.file_names[0]: masks_of(whole, v.id, frames=(0, 3)) for v in whole.videos}
    parts = [load_annotations(folder / f"split/{part}.json") for part in ("train", "minival")]
    assert sum(len(part.videos) for part in parts) == 4
    for part in parts:
        for video in part.videos:
            assert video.annotated_frames == (0, 3)
            assert masks_of(part, video.id, frames=(0, 3)) == masks[video.file_names[0]]
    assert all((folder / own[0]).exists() for own in OWN_VIDEOS.files.values())
    files = list((folder / "labels").rglob("*.json"))
    assert len(files) == 4 * 2 and "shapes" in json.loads(files[0].read_text())
    assert [path.name for path in tmp_path.iterdir()] == ["own"]
    (folder / "split/train.json").unlink()
    with pytest.raises(InputError, match="own: expected a new or an empty folder"):
        label_videos(folder, SMALL)


def masks_of(annotations, video, frames):
    """Names and pixels of what is seen in these frames, in no order."""
    names = {category.id: category.name for category in annotations.categories}
    found = []
    for own in annotations.instances_of(video):
        seen = [(frame, own.mask(frame)) for frame in frames]
        pixels = [
            (frame, np.flatnonzero(mask).tobytes()) for frame, mask in seen if mask is not None
        ]
        if pixels:
            found.append((names[own.category_id], tuple(pixels)))
    return sorted(found)
