import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ovis_jax.analysis.identity_oracle import IdentityOracle
from ovis_jax.analysis.scenes import scenes
from ovis_jax.evaluation import evaluate, score
from ovis_jax.evaluation.oracles import with_true_identities
from tests.evaluation import tracks
from tests.evaluation.scenes import random_scene
from tests.evaluation.test_oracles import LENGTH, switched
from tests.evaluation.test_oracles import scene as passing_scene


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


@given(st.integers(0, 2**32 - 1))
def test_identities_alone_never_keep_true_masks_from_an_ap_of_one(seed):
    random = np.random.default_rng(seed)
    boxes = [tracks.rectangle(0, 4 * k, 5, 3, frames=LENGTH) for k in range(3)]
    truth = tracks.annotations([tracks.instance(k + 1, b) for k, b in enumerate(boxes)], LENGTH)
    orders = [random.permutation(3) for _ in range(LENGTH)]
    results = [
        tracks.result(np.stack([boxes[own[k]][t] for t, own in enumerate(orders)]), 0.5)
        for k in range(3)
    ]
    values = oracle(truth, results).sections()[0].values
    assert values["true"]["AP"] == pytest.approx(1)
    assert values["true"]["AP"] >= values["as_predicted"]["AP"]


def test_systems_are_compared_with_true_identities():
    truth, results = random_scene(0)
    systems = {"a": oracle(truth, results), "b": oracle(truth, results[:5])}
    draws = np.ones((5, 2), int)
    values = IdentityOracle.comparison(systems, draws)[0].values
    for name, own in systems.items():
        expected = own.sections()[0].values["true"]["AP"]
        assert values[name]["AP"]["value"] == pytest.approx(expected)
