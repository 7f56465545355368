"""Where an object's class can be seen: in any patch of it, or in its outline alone."""

import dataclasses

import numpy as np
import pytest
from data.shapes.small_set import SMALL

from ovis_jax.data.shapes.appearance import object_sprite
from ovis_jax.data.shapes.classes import EVIDENCE, OUTLINES, Look, draw_looks, shape_classes
from ovis_jax.data.shapes.rendering import render_frame
from ovis_jax.data.shapes.scene import draw_scene

PAIRS = 3
NUMBERS = np.resize(np.arange(2 * PAIRS), 1200)


def looks(evidence: str) -> list[Look]:
    rng = np.random.default_rng(0)
    return draw_looks(evidence, PAIRS, NUMBERS, rng.random(len(NUMBERS)), 0.05, rng)


def classes_by(values) -> dict:
    """The classes of the objects, by a value that each of them has."""
    found = {}
    for value, number in zip(values, NUMBERS, strict=True):
        found.setdefault(value, set()).add(int(number))
    return found


def hue_place(look: Look) -> int:
    """The class or pair in the middle of whose hues a hue lies."""
    return round(look.hue * 2 * PAIRS) % (2 * PAIRS)


def test_a_pair_of_classes_has_one_outline_with_and_without_a_notch():
    assert [own.name for own in shape_classes(2)] == [
        "disc",
        "notched disc",
        "square",
        "notched square",
    ]
    assert [own.name for own in shape_classes(0)] == list(OUTLINES)


@pytest.mark.parametrize("evidence", EVIDENCE)
def test_the_outline_always_tells_the_class(evidence):
    shapes = classes_by((look.outline, look.notched) for look in looks(evidence))
    assert [len(own) for own in shapes.values()] == [1] * 2 * PAIRS


def test_local_texture_and_hue_tell_the_class():
    local = looks("local")
    for told in ((look.texture for look in local), map(hue_place, local)):
        several = [own for own in classes_by(told).values() if len(own) > 1]
        assert several in ([], [{0, 5}])  # six classes, five textures


def test_mixed_texture_and_hue_tell_the_pair():
    mixed = looks("mixed")
    for told in ((look.texture for look in mixed), map(hue_place, mixed)):
        assert sorted(map(sorted, classes_by(told).values())) == [[0, 1], [2, 3], [4, 5]]


def test_global_texture_and_hue_tell_nothing():
    for told in ((x.texture for x in looks("global")), map(hue_place, looks("global"))):
        assert all(own == set(range(2 * PAIRS)) for own in classes_by(told).values())


@pytest.mark.parametrize("outline", range(len(OUTLINES)))
def test_a_notch_takes_a_part_that_an_occluder_can_hide(outline):
    plain, notched = (
        object_sprite(*paints, Look(outline, notched, 0, 0.0), 60)[..., 3]
        for notched in (False, True)
        for paints in [[np.random.default_rng(0) for _ in range(2)]]
    )
    assert 0.6 < notched.sum() / plain.sum() < 0.9
    missing = np.abs(plain - notched)  # within the upper half
    assert missing[: len(missing) // 2 + 1].sum() > 0.99 * missing.sum()


def test_scenes_with_other_evidence_are_the_same_but_for_the_paint():
    frames = []
    for evidence in EVIDENCE:
        parameters = dataclasses.replace(SMALL, evidence=evidence, pairs=PAIRS)
        scene = draw_scene(np.random.default_rng([0, 0, 1]), parameters)
        frames.append(render_frame(scene, 2, 128, 96, 0.3))
    for frame in frames[1:]:
        np.testing.assert_array_equal(frame.owners, frames[0].owners)
        inside = frame.owners >= 0
        assert np.abs(frame.image[~inside].astype(int) - frames[0].image[~inside]).mean() < 5
        assert (frame.image[inside] != frames[0].image[inside]).any(-1).mean() > 0.1


@pytest.mark.parametrize("tilt", (0.0, 15.0, 120.0))
def test_objects_begin_within_their_tilt_of_upright_on_the_same_paths(tilt):
    wanted = dataclasses.replace(SMALL, objects=(30, 30), tilt=tilt)
    scene, turned = (
        draw_scene(np.random.default_rng(0), own)
        for own in (wanted, dataclasses.replace(wanted, tilt=180.0))
    )
    first = np.degrees([layer.motion.angles[0] for layer in scene.objects])
    assert np.abs(first).max() <= tilt
    assert np.abs(first).max() >= 0.8 * tilt  # of thirty
    assert max(layer.motion.angles[0] for layer in turned.objects) > np.pi  # all around
    for own, other in zip(scene.objects, turned.objects, strict=True):
        np.testing.assert_array_equal(own.motion.centers, other.motion.centers)
        change, other_change = (np.diff(each.motion.angles) for each in (own, other))
        np.testing.assert_allclose(change, other_change, atol=1e-12)
