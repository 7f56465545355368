"""How well levels are told: by a toy model that goes by the width of boxes."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import linen as nn

from configs import quickstart
from experiments.harness.datasets import QUICKSTART
from experiments.harness.experiment import Experiment, Outcome
from experiments.harness.level_accuracy import count_levels, level_accuracy
from ovis_jax.data.shapes.generate import generate
from ovis_jax.data.shapes.parameters import ShapesParameters
from ovis_jax.formats.annotation_records import OCCLUSION_LEVELS
from ovis_jax.formats.annotations import load_annotations
from ovis_jax.predict.trained import TrainedModel

NARROW = 14  # resized pixels: severely occluded, says the toy; those up to twice as wide: slightly
VIDEOS = ShapesParameters(0, 2, 8, 192, 128, sizes=(24.0, 80.0), noise=0.0)


class ByWidth(nn.Module):
    def encode(self, frames, image_size):
        del image_size
        return (frames,)

    def occlusion_levels(self, pyramid, rois):
        assert len(pyramid[0]) == len(rois)
        widths = rois[..., 2] - rois[..., 0] + 1
        level = jnp.where(widths < NARROW, 2, jnp.where(widths < 2 * NARROW, 1, 0))
        return jax.nn.one_hot(level, 3)


@pytest.fixture(scope="module")
def annotations(tmp_path_factory):
    folder = tmp_path_factory.mktemp("levels") / "set"
    generate(folder, VIDEOS)
    return load_annotations(folder / "annotations_valid.json")


@pytest.fixture(scope="module")
def counts(annotations):
    config = quickstart.get_config().copy_and_resolve_references().unlock()
    images = annotations.path.replace("annotations_valid.json", "valid")
    config.data.update(eval_images=images, image_scale=(96, 64))
    return count_levels(TrainedModel(ByWidth(), {}, config, annotations.categories), annotations)


def test_objects_are_counted_by_true_and_told_level(annotations, counts):
    want = np.zeros((3, 3), int)
    for own in annotations.instances:
        for box, label in zip(own.boxes, own.occlusion, strict=True):
            if label is None:
                continue
            width = box[2] / 2 - 0.5 + 1  # of last pixels, in frames of half the size
            told = 2 if width < NARROW else 1 if width < 2 * NARROW else 0
            want[OCCLUSION_LEVELS.index(label), told] += 1
    np.testing.assert_array_equal(counts, want)
    assert (want.sum(axis=0) > 0).all() and (want.sum(axis=1) > 0).all()


def test_shares_are_of_the_objects_of_a_level_over_all_seeds(finished):
    runs = [finished("levels", [1], seed=seed) for seed in (0, 1)]
    for run, count in zip(runs, ([[6, 2, 0], [1, 3, 0], [0, 0, 0]], [[0] * 3] * 3), strict=True):
        np.save(run.folder / "occlusion_levels.npy", count)
    rows = {"learned": runs}
    found = level_accuracy(Outcome(Experiment("name", "Title", "?"), QUICKSTART, {}, rows))
    assert found.tables[0].rows == [
        ["learned, no", 8, 0.75, 0.75, 0.25, 0],
        ["learned, slight", 4, 0.75, 0.25, 0.75, 0],
        ["learned, severe", 0, None, None, None, None],
    ]
    assert found.lines == [
        "learned: tells the occlusion level of 75.0 % of the objects in frames; "
        "at random it would be 52.8 %."
    ]
