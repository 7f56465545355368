import dataclasses

import numpy as np
import pytest

from ovis_jax.analysis.average_precision import PrecisionLog, mean_known
from ovis_jax.analysis.error_costs import COLUMNS, REPAIRS, ErrorCosts
from ovis_jax.analysis.error_kinds import KINDS, error_kinds
from ovis_jax.analysis.repairs import repaired
from ovis_jax.analysis.scenes import scenes
from ovis_jax.analysis.verdicts import judge
from ovis_jax.evaluation import evaluate
from tests.analysis.pixels import iou, masks
from tests.evaluation import tracks
from tests.evaluation.scenes import random_scene

LENGTH = 4
BOX = tracks.rectangle(1, 1, 6, 4, frames=LENGTH)
OTHER = tracks.rectangle(9, 6, 6, 4, frames=LENGTH)
NOTHING = np.zeros_like(BOX)


def costs(truth, results):
    """Values of the section."""
    analysis = ErrorCosts(truth)
    for scene in scenes(truth, results):
        analysis.add(scene)
    return analysis.sections()[0].values


def scene_with(*results, objects=None):
    """Costs and the kinds of errors that there are, with two objects of one class."""
    objects = objects or [tracks.instance(1, BOX), tracks.instance(2, OTHER)]
    values = costs(tracks.annotations(objects, LENGTH), results)
    return values, {name: n for name, n in values["counts"].items() if n}


FIRST = tracks.result(BOX, 0.9)
SECOND = tracks.result(OTHER, 0.8)


def test_perfect_results_cost_nothing():
    values, kinds = scene_with(FIRST, SECOND)
    assert not kinds and values["before"]["AP"] == pytest.approx(1)
    assert all(gain["AP"] == pytest.approx(0) for gain in values["gain"].values())


@pytest.mark.parametrize(
    "kind, results, before",
    [
        # Two objects; right and wrong by score: 1 of 1, 1 of 2, 2 of 3.
        ("duplicate", [FIRST, tracks.result(BOX, 0.85), SECOND], (51 + 50 * 2 / 3) / 101),
        ("background", [tracks.result(NOTHING, 1.0), FIRST, SECOND], 2 / 3),
        ("missed", [FIRST], 51 / 101),
    ],
)
def test_what_a_kind_costs_is_gained_by_its_repair_alone(kind, results, before):
    values, kinds = scene_with(*results)
    assert kinds == {kind: 1}
    assert values["before"]["AP"] == pytest.approx(before)
    gains = {name: gain["AP"] for name, gain in values["gain"].items()}
    assert gains[kind] == pytest.approx(1 - before)
    alone = set(KINDS) | {"missed"}
    assert all(gains[name] == pytest.approx(0) for name in alone - {kind})


def test_a_wrong_class_is_mended_in_its_own_class():
    objects = [tracks.instance(1, BOX, category=1), tracks.instance(2, OTHER, category=2)]
    results = [tracks.result(BOX, 0.9, category=2), tracks.result(OTHER, 0.8, category=2)]
    values, kinds = scene_with(*results, objects=objects)
    assert kinds == {"classification": 1}
    assert values["before"]["AP"] == pytest.approx(0.25)  # 0 and 1/2
    assert values["gain"]["classification"]["AP"] == pytest.approx(0.75)
    assert values["gain"]["wrong_tracks"]["AP"] == pytest.approx(0.25)


def cut(masks, columns):
    """Only the first columns of the box."""
    result = masks.copy()
    result[:, :, 1 + columns :] = False
    return result


def with_frames(first, rest):
    """The first two frames of one, then those of another."""
    return np.concatenate([first[:2], rest[2:]])


FAR = tracks.rectangle(0, 5, 8, 7, frames=LENGTH)  # of no object
WIDE = tracks.rectangle(0, 0, 12, 8, frames=LENGTH)  # IoU of 1/4 with BOX


@pytest.mark.parametrize(
    "kind, masks",
    [
        ("spatial", cut(BOX, 2)),  # IoU of 1/3 in every frame
        ("spatial", WIDE),
        ("association", np.concatenate([BOX[:1], NOTHING[1:]])),
        ("association", with_frames(BOX, FAR)),
        ("association", with_frames(cut(BOX, 2), NOTHING)),  # space 1/2, time 2/3
        ("spatial_and_association", with_frames(WIDE, FAR)),  # space 3/13, time 2/5
    ],
)
def test_errors_of_extent_are_told_apart(kind, masks):
    values, kinds = scene_with(tracks.result(masks, 0.9), SECOND)
    assert kinds == {kind: 1}
    assert values["before"]["AP"] == pytest.approx(51 / 101 / 2)
    assert values["gain"]["everything"]["AP"] == pytest.approx(1 - values["before"]["AP"])


def test_a_wrong_class_with_a_wrong_extent_is_a_kind_of_its_own():
    values, kinds = scene_with(tracks.result(cut(BOX, 2), 0.9, category=2), SECOND)
    assert kinds == {"class_and_extent": 1}
    assert values["before"]["AP"] == pytest.approx(51 / 101)
    assert values["gain"]["class_and_extent"]["AP"] == pytest.approx(50 / 101)


def test_only_the_surest_of_repaired_tracks_finds_an_object():
    results = [tracks.result(cut(BOX, 2), score) for score in (0.9, 0.85)]
    values, kinds = scene_with(*results, SECOND)
    assert kinds == {"spatial": 2}
    assert values["before"]["AP"] == pytest.approx(51 / 101 / 3)
    assert values["gain"]["spatial"]["AP"] == pytest.approx(1 - values["before"]["AP"])


def naive_kind(scene, p, threshold):
    """The definition with pixels."""
    track = masks(scene.tracks[p].segmentations)
    truth = [masks(i.segmentations) for i in scene.objects]
    same = [i.category_id == scene.tracks[p].category_id for i in scene.objects]
    own = [(iou(t, track), -g) for g, t in enumerate(truth) if same[g]]
    other = [iou(t, track) for g, t in enumerate(truth) if not same[g]]
    if max(own, default=(0,))[0] >= threshold:
        return "duplicate"
    if max(other, default=0) >= threshold:
        return "classification"
    if max(own, default=(0,))[0] >= 0.1:
        target = truth[-max(own)[1]]
        on = np.array([iou(a, b) >= 0.1 for a, b in zip(target, track, strict=True)])
        space, time = track.copy(), track.copy()
        space[on], time[~on] = target[on], target[~on]
        space, time = iou(target, space), iou(target, time)
        if max(space, time) < threshold:
            return "spatial_and_association"
        return "association" if time >= space else "spatial"
    return "class_and_extent" if max(other, default=0) >= 0.1 else "background"


@pytest.mark.parametrize("seed", range(8))
def test_kinds_follow_their_definitions(seed):
    for scene in scenes(*random_scene(seed)):
        errors = error_kinds(scene)
        for p in range(len(scene.tracks)):
            for number, threshold in ((0, 0.5), (5, 0.75), (9, 0.95)):
                assert KINDS[errors.kinds[number, p]] == naive_kind(scene, p, threshold)


@pytest.mark.parametrize("seed", range(12))
def test_the_numbers_before_are_the_evaluators_and_no_repair_takes_any(seed):
    truth, results = random_scene(seed)
    values, metrics = costs(truth, results), evaluate(truth, results).values
    for name in COLUMNS:
        before = values["before"][name]
        assert metrics[name] == pytest.approx(-1 if before is None else before, abs=1e-12)
        for repair, gain in values["gain"].items():
            if gain[name] is not None:
                assert gain[name] >= -1e-12, repair
        if values["gain"]["everything"][name] is not None:
            assert before + values["gain"]["everything"][name] == pytest.approx(1)
        # it does not matter whether wrong tracks go one kind at a time or all together
        removed = max(values["gain"][kind][name] or 0 for kind in ("duplicate", "background"))
        assert (values["gain"]["wrong_tracks"][name] or 0) >= removed - 1e-12


def log_of(truth, results, repair):
    log = PrecisionLog()
    for scene in scenes(truth, results):
        log.add(scene.video.id, repaired(scene, judge(scene), error_kinds(scene), repair))
    return log


@pytest.mark.parametrize("repair", REPAIRS, ids=lambda own: own.name)
def test_a_video_drawn_twice_counts_as_two(repair):
    truth, results = random_scene(7)
    log = log_of(truth, results, repair)
    sampled = log.sampled(np.array([[1, 1], [2, 1], [0, 1]]))
    for draw, expected in zip(((1, 2), (1, 1, 2), (2,)), sampled, strict=True):
        again = log_of(*repeated(truth, results, draw), repair).average_precision()
        assert mean_known(again, (1, 2))[0] == pytest.approx(expected, nan_ok=True)


def test_a_log_that_was_read_goes_on():
    truth, results = random_scene(7)
    log = PrecisionLog()
    for scene in scenes(truth, results):
        own = repaired(scene, judge(scene), error_kinds(scene), REPAIRS[-1])
        log.add(scene.video.id, own)
        log.average_precision()
    whole = log_of(truth, results, REPAIRS[-1])
    np.testing.assert_array_equal(log.average_precision(), whole.average_precision())


def repeated(truth, results, videos):
    """A data set of copies of videos, numbered from 1."""
    numbered = list(enumerate(videos, start=1))
    copies = [
        dataclasses.replace(i, video_id=number, id=f"{number}.{i.id}")
        for number, video in numbered
        for i in truth.instances_of(video)
    ]
    tracks_of = [
        dataclasses.replace(r, video_id=number)
        for number, video in numbered
        for r in results
        if r.video_id == video
    ]
    ids = [number for number, _ in numbered]
    return tracks.annotations(copies, truth.videos[0].length, videos=ids), tracks_of


def test_two_systems_are_compared_on_the_same_draws():
    truth, results = random_scene(0)
    systems = {}
    for name, own in (("a", results), ("same", results), ("fewer", results[:10])):
        systems[name] = ErrorCosts(truth)
        for scene in scenes(truth, own):
            systems[name].add(scene)
    draws = np.random.default_rng(0).multinomial(2, [0.5, 0.5], 30)
    values = ErrorCosts.comparison(systems, draws)[0].values
    assert all(own["difference_interval"] == [0, 0] for own in values["same"].values())
    for name, system in systems.items():
        alone = system.sections()[0].values
        assert values[name]["AP before"]["value"] == pytest.approx(alone["before"]["AP"])
        assert values[name]["duplicate"]["value"] == pytest.approx(alone["gain"]["duplicate"]["AP"])
    assert values["fewer"]["AP before"]["difference"] != 0
