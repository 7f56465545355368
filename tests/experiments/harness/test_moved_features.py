"""Features of objects and of where they move to, of a toy whose features are places."""

import json

import jax.numpy as jnp
import numpy as np
import pytest
from flax import linen as nn

from configs import quickstart
from experiments.harness.moved_features import moved_features
from ovis_jax.data.shapes.generate import generate
from ovis_jax.data.shapes.parameters import ShapesParameters
from ovis_jax.formats.annotations import load_annotations
from ovis_jax.predict.trained import TrainedModel

VIDEOS = ShapesParameters(0, 2, 6, 192, 128, sizes=(24.0, 60.0), noise=0.0, amodal=True)
REACHES = (1, 3)


class Places(nn.Module):
    """Features of a RoI [x1, y1, mean of the frame], one cell."""

    def encode(self, frames, image_size):
        del image_size
        return (jnp.mean(frames, axis=(1, 2, 3))[:, None, None, None],)

    def box_features(self, pyramid, rois):
        frame = jnp.broadcast_to(pyramid[0][:, 0], (*rois.shape[:2], 1))
        return jnp.concatenate([rois[..., :2] / 100, frame / 100], axis=-1)[:, :, None, None]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    path = tmp_path_factory.mktemp("moved") / "set"
    generate(path, VIDEOS)
    return path


@pytest.fixture(scope="module")
def found(folder):
    config = quickstart.get_config().copy_and_resolve_references().unlock()
    config.data.update(eval_images="elsewhere", image_scale=(96, 64))
    path = folder / "annotations_valid.json"
    model = TrainedModel(Places(), {}, config, load_annotations(path).categories)
    return moved_features(model, path, str(folder / "valid"), REACHES)


def middles(folder):
    """Middles of whole objects (x, y) in resized pixels, by (object, frame)."""
    objects = json.loads((folder / "amodal_valid.json").read_text())["annotations"]
    return {
        (number, frame): np.array([box[0] + box[2] / 2, box[1] + box[3] / 2]) / 2
        for number, own in enumerate(objects)
        for frame, box in enumerate(own["bboxes"])
        if box is not None
    }


def test_neighbours_are_the_same_object_in_the_frames_around(found):
    neighbours = found.neighbours(2)
    assert neighbours.shape == (len(found.tracks), 5)
    assert neighbours[:, 2].tolist() == list(range(len(found.tracks)))
    for place, own in enumerate(neighbours):
        for away, other in zip(range(-2, 3), own, strict=True):
            there = (found.tracks == found.tracks[place]) & (
                found.frames == found.frames[place] + away
            )
            assert other == (np.flatnonzero(there)[0] if there.any() else -1)


def test_others_are_read_where_the_object_has_moved_to(found, folder):
    whole = middles(folder)
    frame_of = {
        (video, frame): found.own[(found.videos == video) & (found.frames == frame)][0, 0, 0, 2]
        for video, frame in set(zip(found.videos.tolist(), found.frames.tolist(), strict=True))
    }
    compared = 0
    for r, reach in enumerate(REACHES):
        for place, around in enumerate(found.neighbours(reach)):
            track, frame = int(found.tracks[place]), int(found.frames[place])
            others = [other for other in around if other not in (-1, place)]
            assert found.counts[r, place] == len(others)
            if not others:
                assert not found.others[r, place].any()
                continue
            moves = [whole[track, int(found.frames[k])] - whole[track, frame] for k in others]
            expected = found.own[place, 0, 0, :2] + np.mean(moves, axis=0) / 100
            np.testing.assert_allclose(found.others[r, place, 0, 0, :2], expected, atol=2e-3)
            seen = [frame_of[int(found.videos[k]), int(found.frames[k])] for k in others]
            np.testing.assert_allclose(
                found.others[r, place, 0, 0, 2], np.mean(seen), rtol=2e-3, atol=2e-3
            )
            compared += 1
    assert compared > 20
