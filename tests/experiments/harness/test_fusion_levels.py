"""What ways of fusing read, and that each can be learned where it holds the class."""

import dataclasses

import jax
import numpy as np
import pytest

from experiments.harness import fusion_levels
from experiments.harness.datasets import QUICKSTART
from experiments.harness.experiment import Experiment, Outcome
from experiments.harness.fusion_levels import FUSIONS, Fusion, Inputs, class_logits
from experiments.harness.moved_features import MovedFeatures
from ovis_jax.models.heads.box import BoxHead

HEAD = BoxHead(num_classes=2, channels=16)
SIZE, CHANNELS, FRAMES, TRACKS = 2, 3, 6, 40


def objects(seed: int, shows: float) -> MovedFeatures:
    """Tracks whose class stands in a feature, in each frame with a probability; else noise."""
    rng = np.random.default_rng(seed)
    count = TRACKS * FRAMES
    tracks, frames = np.repeat(np.arange(TRACKS), FRAMES), np.tile(np.arange(FRAMES), TRACKS)
    classes = np.repeat(rng.integers(0, 2, TRACKS), FRAMES)
    own = rng.normal(0, 0.3, (count, SIZE, SIZE, CHANNELS)).astype(np.float16)
    sign = np.where(rng.random(count) < shows, 2 * classes - 1, 0)
    own[..., 0] += 2 * sign[:, None, None]
    plain = MovedFeatures(tracks, tracks, frames, frames % 3, classes, own, own[None], tracks[None])
    others, counts = [], []
    for reach in fusion_levels.REACHES:
        near = plain.neighbours(reach)
        near[near == np.arange(count)[:, None]] = -1
        valid = (near >= 0).astype(float)
        counts.append((near >= 0).sum(axis=1))
        weights = valid / np.maximum(valid.sum(axis=1, keepdims=True), 1)
        others.append(np.einsum("of...,of->o...", own[near].astype(float), weights))
    return dataclasses.replace(plain, others=np.float16(others), counts=np.array(counts, np.int64))


@pytest.fixture(scope="module")
def params():
    features = np.zeros((1, SIZE, SIZE, CHANNELS), np.float32)
    return fusion_levels.initial(HEAD.init(jax.random.key(0), features)["params"], CHANNELS)


def logits(params, fusion, given, places):
    return np.asarray(class_logits(HEAD, params, fusion.kind, Inputs(given, *_of(fusion))[places]))


def _of(fusion):
    return fusion.kind, fusion.reach


def alone(params, features):
    return np.asarray(HEAD.apply({"params": params["head"]}, np.float32(features))[0])[:, 1:]


def test_each_way_reads_what_its_name_says(params):
    given = objects(0, 0.7)
    places = np.array([0, 7, 30])
    near = [[k for k in given.neighbours(1)[place] if k >= 0] for place in places]
    own = np.float64(given.own)
    means = np.stack([own[k].mean(axis=0) for k in near])
    decided = np.stack([alone(params, own[k]).mean(axis=0) for k in near])
    counts, others = given.counts[0, places], np.float64(given.others[0, places])
    weights = counts[:, None, None, None]
    moved = (own[places] + weights * others) / (1 + weights)
    halves = (own[places] + others) / 2
    expected = {
        "frame": alone(params, own[places]),
        "rois": alone(params, means),
        "logits": decided,
        "maps": alone(params, moved),
        "weighed": alone(params, halves),
    }
    for kind, values in expected.items():
        fusion = Fusion(kind, 0 if kind == "frame" else 1)
        np.testing.assert_allclose(logits(params, fusion, given, places), values, atol=2e-3)


def test_an_object_without_other_frames_is_read_as_it_is(params):
    given = objects(0, 0.7)
    given = dataclasses.replace(
        given,
        tracks=np.arange(len(given.tracks)),
        others=np.zeros_like(given.others),
        counts=np.zeros_like(given.counts),
    )
    places = np.arange(5)
    expected = alone(params, given.own[places])
    for fusion in FUSIONS:
        np.testing.assert_allclose(logits(params, fusion, given, places), expected, atol=1e-5)


def test_training_makes_every_way_tell_classes_and_other_frames_tell_more(params):
    training, validation = objects(1, 0.6), objects(2, 0.6)
    wrong = {}
    for fusion in FUSIONS:
        trained = fusion_levels.train(HEAD, params, fusion, training, seed=0)
        told = fusion_levels.classify(HEAD, trained, fusion, validation)
        wrong[fusion.label] = np.mean(told != validation.classes)
    assert wrong["the frame alone"] == pytest.approx(0.2, abs=0.08)  # half of those that show none
    assert max(own for label, own in wrong.items() if label.endswith(", 5")) < 0.08
    assert max(own for label, own in wrong.items() if label.endswith(", 1")) < 0.15


@pytest.mark.usefixtures("few_draws")
def test_tables_are_made_of_what_runs_have_told(finished):
    run = finished("none", [1, 2])
    one = np.zeros(1, int)
    classes = np.arange(len(FUSIONS))[:, None] > 0  # the frame alone tells class 0, others 1
    arrays = dict(videos=one, tracks=one, frames=one, levels=one, classes=one + 1)
    np.savez(
        run.folder / "fusion_levels.npz", **arrays, as_is=classes.astype(int), trained=classes + one
    )
    outcome = Outcome(Experiment("name", "Title", "?"), QUICKSTART, {}, {"none": [run]})
    found = fusion_levels.fusion_levels(outcome)
    rows = {group: values for group, *values in found.tables[0].rows}
    assert [own.value for own in rows["all"]] == [1] + [0] * (len(FUSIONS) - 1)
    assert len(found.tables) == 4
    values = found.values["fusion_levels"]["none, trained"]
    assert values["logits, 5"]["tracks"]["difference"] == -1
