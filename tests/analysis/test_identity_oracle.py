import pytest
from evaluation import tracks
from evaluation.scenes import random_scene
from evaluation.test_oracles import scene as passing_scene
from evaluation.test_oracles import switched

from ovis_jax.analysis.identity_oracle import IdentityOracle
from ovis_jax.analysis.scenes import scenes
from ovis_jax.evaluation import evaluate, score
from ovis_jax.evaluation.oracles import with_true_identities


def oracle(truth, results):
    analysis = IdentityOracle(truth)
    for scene in scenes(truth, results):
        analysis.add(scene)
    return analysis


@pytest.mark.parametrize("seed", range(15))
def test_the_numbers_are_those_of_the_linked_masks(seed):
    truth, results = random_scene(seed)
    linked = evaluate(truth, with_true_identities(truth, results)).values
    assert score(oracle(truth, results).matching()).values == linked


def test_exchanged_identities_are_all_that_is_repaired():
    truth, first, second = passing_scene()
    results = [
        tracks.result(switched(first, second, 3), 0.9),
        tracks.result(switched(second, first, 3), 0.8),
    ]
    values = oracle(truth, results).sections()[0].values
    assert values["as_predicted"]["AP"] == 0 and values["true"]["AP"] == pytest.approx(1)


def test_systems_are_compared_with_true_identities():
    truth, results = random_scene(0)
    systems = {"a": oracle(truth, results), "b": oracle(truth, results[:5])}
    draws = [[1, 1]] * 5
    values = IdentityOracle.comparison(systems, draws)[0].values
    for name, own in systems.items():
        expected = own.sections()[0].values["true"]["AP"]
        assert values[name]["AP"]["value"] == pytest.approx(expected)
