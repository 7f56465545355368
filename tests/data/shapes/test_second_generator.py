"""Old parameters still give the data sets of the second generator."""

import dataclasses

import numpy as np
from data.shapes.small_set import SMALL

from ovis_jax.data.shapes import rendering
from ovis_jax.data.shapes.scene import draw_scene


def test_scenes_are_those_of_the_second_generator():
    """Numbers of commit c789bcd, before evidence was a parameter; masks to the pixel."""
    known = {
        (0, 0, 0): ([3, 4, 3, 3, 2], [494, 572, 126, 433, 148], [83, 572, 95, 347, 148]),
        (0, 1, 0): ([3, 1, 0, 0], [285, 201, 297, 287], [179, 201, 297, 287]),
    }
    reds = {
        (0, 0, 0): [[121, 55, 115, 133], [145, 110, 113, 146], [148, 145, 116, 122]],
        (0, 1, 0): [[122, 138, 113, 116], [139, 129, 128, 148], [158, 144, 120, 121]],
    }
    for key, (categories, whole, visible) in known.items():
        scene = draw_scene(np.random.default_rng(key), SMALL)
        frame = rendering.render_frame(scene, 3, 128, 96, SMALL.motion_blur)
        assert scene.categories.tolist() == categories
        np.testing.assert_allclose(frame.full_areas, whole, atol=2)  # resampled by OpenCV
        np.testing.assert_allclose([m.sum() for m in frame.visible_masks()], visible, atol=2)
        means = frame.image[..., 0].reshape(3, 32, 4, 32).mean((1, 3))
        np.testing.assert_allclose(means, reds[key], atol=0.6)


def test_what_only_newer_fields_change_is_still_a_set_of_the_second_generator():
    old, new = SMALL.as_json(), dataclasses.replace(SMALL, evidence="global").as_json()
    assert old["generator"] == "occluded shapes 2" and not {"evidence", "amodal"} & set(old)
    assert new["generator"] == "occluded shapes 3" and new["evidence"] == "global"
