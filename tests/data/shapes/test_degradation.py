import dataclasses

import cv2
import numpy as np
import pytest
from data.shapes.small_set import SMALL, contents

from ovis_jax.data.shapes.degradation import KINDS, Degradation, degradation, degrade
from ovis_jax.data.shapes.generate import generate
from ovis_jax.data.shapes.rendering import render_frame
from ovis_jax.data.shapes.scene import draw_scene


def kinds_of(rate: float, videos: int, kinds=KINDS) -> np.ndarray:
    """The kind of every frame, "" where it is as it was; [videos, 25]."""
    found = [[degradation((0, 0, v), t, rate, kinds) for t in range(25)] for v in range(videos)]
    return np.array([[own.kind if own else "" for own in video] for video in found])


@pytest.fixture(scope="module")
def image():
    scene = draw_scene(np.random.default_rng(0), dataclasses.replace(SMALL, noise=0.0))
    return render_frame(scene, 0, 128, 96, 0.0).image


@pytest.mark.parametrize("rate", [0.0, 0.3, 1.0])
def test_the_rate_is_the_share_of_frames_from_the_first_on(rate):
    bad = kinds_of(rate, 60) != ""
    assert abs(bad.mean() - rate) < 0.04
    assert abs(bad[:, 0].mean() - rate) < 0.2


def test_all_kinds_come_equally_often_and_only_those_asked_for():
    kinds, counts = np.unique(kinds_of(1.0, 60), return_counts=True)
    assert set(kinds) == set(KINDS) and counts.min() > 0.7 * counts.max()
    assert set(np.unique(kinds_of(1.0, 4, ("noise", "defocus")))) == {"noise", "defocus"}


def test_bad_frames_come_in_short_bursts_of_one_kind():
    lengths = []
    for video in kinds_of(0.15, 40):
        changes = np.flatnonzero(video[1:] != video[:-1]) + 1
        runs = np.split(video, changes)[1:-1]
        lengths += [len(run) for run in runs if run[0]]
    assert {1, 2, 3} <= set(lengths) and np.mean(np.array(lengths) > 3) < 0.05


def test_a_frame_s_fate_depends_on_seed_video_and_number_alone():
    once = degradation((4, 1, 7), 3, 1.0, KINDS)
    assert once == degradation((4, 1, 7), 3, 1.0, KINDS)
    others = [((5, 1, 7), 3), ((4, 0, 7), 3), ((4, 1, 8), 3), ((4, 1, 7), 9)]
    assert all(degradation(key, frame, 1.0, KINDS) != once for key, frame in others)


def high_frequencies(image):
    return cv2.Laplacian(image.astype(np.float32).mean(-1), cv2.CV_32F).std()


@pytest.mark.parametrize("strength", [0.0, 1.0])
def test_every_kind_does_what_it_is_called(image, strength):
    def bad(kind, turn=0.25):
        found = degrade(image, Degradation(kind, strength, turn), np.random.default_rng(0))
        assert found.shape == image.shape and found.dtype == np.uint8
        return found

    assert high_frequencies(bad("motion_blur")) < 0.9 * high_frequencies(image)
    assert high_frequencies(bad("defocus")) < 0.8 * high_frequencies(image)
    assert high_frequencies(bad("noise")) > 1.5 * high_frequencies(image)
    assert bad("exposure", 0.1).mean() < 0.4 * image.mean()
    assert (bad("exposure", 0.9) == 255).mean() > (image == 255).mean() + 0.05
    squares = np.abs(np.diff(bad("compression").astype(int).mean(-1), axis=1)).mean(0)
    edges = np.arange(1, 128) % 8 == 0
    assert squares[edges].mean() > 1.5 * squares[~edges].mean()


@pytest.mark.parametrize("kind", ["motion_blur", "defocus"])
def test_blurs_move_nothing(kind):
    dot = np.zeros((96, 128, 3), np.uint8)
    dot[40:49, 60:69] = 250
    found = degrade(dot, Degradation(kind, 0.5, 0.3), np.random.default_rng(0))[..., 0].astype(
        float
    )
    rows, columns = np.indices(found.shape)
    center = [(axis * found).sum() / found.sum() for axis in (rows, columns)]
    np.testing.assert_allclose(center, (44, 64), atol=0.2)


def test_degraded_videos_have_the_scenes_and_labels_of_clean_ones(tmp_path):
    generate(tmp_path / "clean", SMALL)
    bad = dataclasses.replace(SMALL, degraded=0.5, stills=2)
    generate(tmp_path / "bad", bad)
    generate(tmp_path / "again", bad, workers=2)
    clean, found = contents(tmp_path / "clean"), contents(tmp_path / "bad")
    assert found == contents(tmp_path / "again")
    same = {str(path): found[path] == content for path, content in clean.items()}
    assert same["annotations_train.json"] and same["annotations_valid.json"]
    frames = [own for path, own in same.items() if path.endswith(".jpg")]
    assert 0.2 < np.mean(frames) < 0.8
