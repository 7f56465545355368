"""Generated stills in the training data of the quickstart: the rows of the paper's Table 5."""

import numpy as np
import pytest

from configs import quickstart
from ovis_jax.data.mixed_data import MixedData
from ovis_jax.data.samples import open_training_data
from ovis_jax.data.shapes.generate import generate
from ovis_jax.data.shapes.parameters import ShapesParameters

CAPACITY, FRAMES, STILLS = 12, 3, 4


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("shapes") / "set"
    sizes = dict(frames=FRAMES, width=160, height=96, sizes=(34.0, 60.0))
    generate(folder, ShapesParameters(1, 0, stills=STILLS, **sizes))
    return folder


def clips_of(folder, row: dict):
    """The training data of a row of the table, and a clip of each of their samples."""
    config = quickstart.get_config().copy_and_resolve_references().unlock()
    config.data.train_annotations = str(folder / "annotations_train.json")
    config.data.train_images = str(folder / "train")
    config.data.pseudo_video.annotations = str(folder / "instances_stills.json")
    config.data.pseudo_video.images = str(folder / "stills")
    config.update_from_flattened_dict(row)
    data = open_training_data(config.data, CAPACITY)
    draws = [data.draw(0, number, number) for number in range(data.num_samples)]
    return data, [data.clip(draw) for draw in draws]


def objects_of(clips) -> int:
    return sum(int(clip.instances.valid[0].sum()) for clip in clips)


def test_stills_are_mixed_in_and_objects_of_others_pasted_over_theirs(folder):
    videos, clips = clips_of(folder, {})
    assert not isinstance(videos, MixedData) and len(clips) == FRAMES
    mixed, own = clips_of(folder, {"data.image_share": 0.35})
    assert mixed.batches_per_epoch(1) == 5  # three frames of videos and 35 % stills
    assert mixed.num_samples == FRAMES + STILLS and mixed.categories == videos.categories
    pasting = {"data.image_share": 0.35, "data.pseudo_video.pasting.probability": 1.0}
    _, pasted = clips_of(folder, pasting)
    for one, two in zip(clips, own, strict=False):  # clips of videos stay
        np.testing.assert_array_equal(one.frames, two.frames)
    stills = own[FRAMES:]
    assert all(clip.instances.valid.any(axis=-1).all() for clip in stills)
    labels = {n for clip in stills for n in clip.instances.labels[clip.instances.valid].tolist()}
    assert labels <= set(range(5)) and len(labels) > 1
    assert any((clip.frames[0] != clip.frames[1]).any() for clip in stills)
    assert objects_of(pasted[FRAMES:]) > objects_of(stills)
