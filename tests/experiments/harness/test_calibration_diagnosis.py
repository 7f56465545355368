"""What a calibration does to objects: a toy one, whose offsets and features are known."""

import dataclasses

import cv2
import jax.numpy as jnp
import numpy as np
import pytest
from flax import linen as nn

from configs import quickstart
from experiments.harness.calibration_diagnosis import (
    added_rows,
    distances,
    landing_rows,
    offset_rows,
    right_classes,
)
from experiments.harness.calibration_probe import Probed, motions_of, probe
from ovis_jax.data.shapes.generate import generate
from ovis_jax.data.shapes.parameters import ShapesParameters
from ovis_jax.formats.annotations import load_annotations
from ovis_jax.predict.trained import TrainedModel

STRIDE, SHIFT = 4, (2.0, -1.0)  # cells
VIDEOS = ShapesParameters(0, 2, 4, 96, 64, sizes=(24.0, 40.0), amodal=True, noise=0.0)


class Calibration(nn.Module):
    compare: str = "correlation"
    displacements: int = 5
    dilation: int = 1

    def offsets(self, query, reference):
        del reference
        return jnp.tile(jnp.array(SHIFT), (*query.shape[:3], 9))

    def level(self, query, reference):
        return query + 10 * reference


class Pooled(nn.Module):
    """Encodes frames as the mean colours of squares."""

    calibration: Calibration

    def encode(self, frames, image_size):
        del image_size
        batch, height, width, _ = frames.shape
        parts = frames.reshape(batch, height // STRIDE, STRIDE, width // STRIDE, STRIDE, 3)
        return (parts.mean((2, 4)), None)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("probe") / "set"
    generate(folder, VIDEOS)
    return folder


@pytest.fixture(scope="module")
def found(folder) -> Probed:
    config = quickstart.get_config().copy_and_resolve_references().unlock()
    config.data.update(eval_images=str(folder / "valid"), image_scale=(96, 64))
    annotations = load_annotations(folder / "annotations_valid.json")
    model = TrainedModel(Pooled(Calibration()), {}, config, annotations.categories)
    return probe(model, annotations, motions_of(str(folder / "annotations_valid.json")))


def test_offsets_are_those_of_the_calibration_in_pixels(found):
    np.testing.assert_allclose(found.offsets, np.tile(SHIFT, (len(found.objects), 1)) * STRIDE)
    np.testing.assert_allclose(found.lengths, STRIDE * np.hypot(*SHIFT), rtol=1e-6)


def test_every_frame_of_the_video_is_a_reference_of_the_others(found):
    counts = np.bincount(found.objects, minlength=len(found.videos))
    np.testing.assert_array_equal(counts, VIDEOS.frames - 1)


def test_motions_are_those_of_whole_objects(folder, found):
    annotations = load_annotations(folder / "amodal_valid.json")
    (k,) = np.flatnonzero(found.objects == 0)[:1]
    boxes = annotations.instances_of(1)[found.tracks[0]].boxes
    middles = boxes[:, :2] + boxes[:, 2:] / 2
    steps = [middles[t] - middles[s] for s in range(4) for t in range(4) if s != t]
    assert min(np.abs(found.motions[k][::-1] - step).max() for step in steps) < 1e-4


def squares(image):
    height, width, *channels = image.shape
    return image.reshape(height // STRIDE, STRIDE, width // STRIDE, STRIDE, *channels).mean((1, 3))


def test_features_are_means_over_visible_cells(folder, found):
    annotations = load_annotations(folder / "annotations_valid.json")
    query, calibrated = [], []
    for video in annotations.videos:
        images = [cv2.imread(folder / "valid" / name)[..., ::-1] for name in video.file_names]
        levels = [squares(image.astype(float)) for image in images]
        for own in annotations.instances_of(video.id):
            for frame, level in enumerate(levels):
                cells = own.mask(frame) is not None and squares(own.mask(frame)) > 0.5
                if np.any(cells):
                    others = [each[cells].mean(0) for t, each in enumerate(levels) if t != frame]
                    query.append(level[cells].mean(0))
                    calibrated.append(query[-1] + 10 * np.mean(others, axis=0))
    np.testing.assert_allclose(found.query, query, rtol=1e-4)
    np.testing.assert_allclose(found.calibrated, calibrated, rtol=1e-4)


def test_aligned_features_are_halfway_to_those_of_the_object_in_other_frames(found):
    """All frames of these videos are within reach of each other."""
    for k, track in enumerate(found.tracks):
        others = np.flatnonzero((found.tracks == track) & (np.arange(len(found.tracks)) != k))
        want = found.query[k]
        if len(others):
            want = (want + found.query[others].mean(axis=0)) / 2
        np.testing.assert_allclose(found.aligned[k], want, rtol=1e-4)


def test_cells_land_where_the_masks_of_the_reference_frame_are(folder, found):
    annotations = load_annotations(folder / "annotations_valid.json")
    want = []
    for video in annotations.videos:
        objects = annotations.instances_of(video.id)
        shown = [
            [own.mask(t) is not None and squares(own.mask(t)) > 0.5 for own in objects]
            for t in range(4)
        ]
        for away in (-3, -2, -1, 1, 2, 3):
            for number, frame in np.ndindex(len(objects), 4):
                if not (0 <= frame + away < 4 and np.any(shown[frame][number])):
                    continue
                hits = np.zeros(3)
                for y, x in np.argwhere(shown[frame][number]) + np.array(SHIFT, int):
                    inside = 0 <= y < 16 and 0 <= x < 24
                    owners = [
                        k
                        for k, each in enumerate(shown[frame + away])
                        if inside and np.any(each) and each[y, x]
                    ]
                    hits[2 if not owners else 0 if owners == [number] else 1] += 1
                want.append(hits / hits.sum())
    got = found.landings
    assert got.shape == (len(want), 3) and (np.array(want)[:, :2].sum(axis=0) > 0).all()
    np.testing.assert_allclose(np.sort(got, axis=0), np.sort(want, axis=0), atol=1e-6)
    known = np.isfinite(found.motions).all(axis=1)
    assert np.isfinite(found.moved[known]).all() and np.isnan(found.moved[~known]).all()
    np.testing.assert_allclose(found.moved[known].sum(axis=1), 1, atol=1e-6)


def test_shares_of_landings_are_means_over_pairs_whose_motion_is_known():
    own = dataclasses.replace(
        example([0, 2]),
        objects=np.array([0, 0, 1, 1]),
        landings=np.array([[1.0, 0, 0], [0, 1, 0], [0.5, 0, 0.5], [0, 0, 1]]),
        moved=np.array([[1.0, 0, 0], [1, 0, 0], [0, 0.5, 0.5], [np.nan] * 3]),
    )
    rows = landing_rows([own])
    assert rows["no"] == [2, 0.5, 0.5, 0, 1, 0, 0]
    assert rows["severe"] == [1, 0.5, 0, 0.5, 0, 0.5, 0.5]
    assert rows["slight"] == [0, *[None] * 6]


@pytest.fixture(scope="module")
def correlations(folder, found):
    """Of the first object in its first frame: [cells, 25] with each other frame, in float64."""
    annotations = load_annotations(folder / "annotations_valid.json")
    video = annotations.videos[0]
    images = [cv2.imread(folder / "valid" / name)[..., ::-1] for name in video.file_names]
    levels = [squares(image.astype(float)) for image in images]
    own = annotations.instances_of(video.id)[found.tracks[0]]
    frame = next(t for t in range(4) if own.mask(t) is not None)
    cells = np.argwhere(squares(own.mask(frame)) > 0.5)
    volumes = []
    for reference in (levels[t] for t in range(4) if t != frame):
        padded = np.pad(reference, [(2, 2), (2, 2), (0, 0)])
        volumes.append(
            [
                [levels[frame][y, x] @ padded[y + i, x + j] for i, j in np.ndindex(5, 5)]
                for y, x in cells
            ]
        )
    return np.array(volumes)


STEPS = np.array(list(np.ndindex(5, 5))) - 2


def test_peaks_are_where_objects_correlate_most_with_the_reference_frame(found, correlations):
    want = STRIDE * STEPS[correlations.sum(axis=1).argmax(axis=-1)]
    got = found.peaks[found.objects == 0]
    assert sorted(map(tuple, got.tolist())) == sorted(map(tuple, want.tolist()))


def test_every_position_expects_a_motion_of_its_own(found, correlations):
    spread = correlations.std(axis=-1, keepdims=True)
    weights = np.exp(4 * (correlations - correlations.max(axis=-1, keepdims=True)) / spread)
    weights /= weights.sum(axis=-1, keepdims=True)
    want = STRIDE * (weights @ STEPS).mean(axis=1)
    got = found.expected[found.objects == 0]
    np.testing.assert_allclose(np.sort(got, axis=0), np.sort(want, axis=0), rtol=1e-4, atol=1e-4)


def example(levels, videos=None) -> Probed:
    count = len(levels)
    empty = np.zeros((0, 2))
    features = np.random.default_rng(0).normal(size=(count, 3))
    return Probed(
        videos=np.zeros(count, int) if videos is None else np.array(videos),
        tracks=np.arange(count) % 3,
        classes=np.arange(count) % 2,
        levels=np.array(levels),
        query=features,
        calibrated=features,
        aligned=features,
        objects=np.zeros(0, int),
        lengths=np.zeros(0),
        offsets=empty,
        motions=empty,
        peaks=empty,
        expected=empty,
        landings=np.zeros((0, 3)),
        moved=np.zeros((0, 3)),
    )


def test_distances_follow_their_definition():
    own = example([0, 0, 0, 1, 2, 0, 0, 0, 2])
    got = distances(own, own.query)
    for i in range(9):
        means = []
        for track in range(3):
            clear = [
                j for j in range(9) if own.tracks[j] == track and own.levels[j] == 0 and j != i
            ]
            means.append(np.mean([own.query[j] for j in clear], axis=0))
        away = [np.linalg.norm(own.query[i] - mean) for mean in means]
        mine = away.pop(own.tracks[i])
        np.testing.assert_allclose(got[i], mine / np.mean(away))


def test_objects_that_are_never_clear_or_alone_have_no_distance():
    assert np.isnan(distances(example([1, 1, 1]), example([1, 1, 1]).query)).all()
    lonely = example([0, 0], videos=[0, 1])
    assert np.isnan(distances(lonely, lonely.query)).all()


def test_classes_are_those_of_other_videos():
    own = example([0, 0, 0, 0, 1, 2], videos=[0, 0, 1, 1, 2, 2])
    got = right_classes(own, own.query)
    for i in range(6):
        means = [
            np.mean(
                [
                    own.query[j]
                    for j in range(6)
                    if own.classes[j] == k and own.levels[j] == 0 and own.videos[j] != own.videos[i]
                ],
                axis=0,
            )
            for k in (0, 1)
        ]
        away = [np.linalg.norm(own.query[i] - mean) for mean in means]
        assert got[i] == (np.argmin(away) == own.classes[i])


def test_followed_and_known_motion_are_shares_by_least_squares():
    own = dataclasses.replace(
        example([0, 2]),
        objects=np.array([0, 0, 1, 1]),
        lengths=np.array([1.0, 2.0, 3.0, 5.0]),
        offsets=np.array([[0.0, 2.0], [1.0, 0.0], [0.0, 0.0], [7.0, 7.0]]),
        motions=np.array([[0.0, 4.0], [2.0, 0.0], [3.0, 4.0], [np.nan, np.nan]]),
        peaks=np.array([[0.0, 4.0], [2.0, 0.0], [3.0, -1.0], [7.0, 7.0]]),
        expected=np.array([[0.0, 2.0], [2.0, 0.0], [3.0, 4.0], [7.0, 7.0]]),
    )
    rows = offset_rows([own])
    assert rows["no"] == [2, 1.5, 3.0, 1.5, 0.5, 1.0, 0.6] and rows["slight"] == [0, *[None] * 6]
    assert rows["severe"] == [1, 3.0, 5.0, 5.0, 0.0, 0.2, 1.0]


def test_what_is_added_is_compared_with_reference_and_query():
    own = example([0, 0, 0, 1, 1, 1])
    reference = np.random.default_rng(1).normal(size=own.query.shape)
    kinds = {
        "the reference": own.query + 0.5 * reference,
        "less of the query": 0.8 * own.query,
        "a constant": own.query + [3.0, 4.0, 0.0],
    }
    found = {
        name: added_rows(
            [dataclasses.replace(own, calibrated=calibrated, aligned=(own.query + reference) / 2)]
        )
        for name, calibrated in kinds.items()
    }
    for rows in found.values():
        assert rows["no"][0] == rows["slight"][0] == 3
        assert rows["severe"] == [0, None, None, None, None]
    lengths = np.linalg.norm(own.query[:3], axis=1)
    shares = 0.5 * np.linalg.norm(reference[:3], axis=1) / lengths
    np.testing.assert_allclose(found["the reference"]["no"][1:3], [shares.mean(), 1], rtol=1e-6)
    np.testing.assert_allclose(found["less of the query"]["no"][1], 0.2, rtol=1e-6)
    np.testing.assert_allclose(found["less of the query"]["no"][3], -1, rtol=1e-6)
    constant = found["a constant"]["no"]
    np.testing.assert_allclose(constant[1], (5 / lengths).mean(), rtol=1e-6)
    np.testing.assert_allclose(constant[4], 1, rtol=1e-6)
    assert found["the reference"]["no"][4] < 0.95
    models = [dataclasses.replace(own, calibrated=own.query + sign * 2.0) for sign in (-1, 1)]
    np.testing.assert_allclose(added_rows(models)["no"][4], 1, rtol=1e-6)  # each of its own
