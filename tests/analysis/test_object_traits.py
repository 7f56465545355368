import numpy as np
import pytest
from analysis import moving_boxes

from ovis_jax.analysis.object_traits import TRAITS, box_speeds, object_traits


def scene(*objects):
    frames = len(objects[0]["boxes"])
    own = [{"category": 1, "occlusion": None, **one} for one in objects]
    return moving_boxes.annotations({"videos": [{"frames": frames, "objects": own, "tracks": []}]})


def traits(*objects):
    """Of each object name → value."""
    found = object_traits(scene(*objects))
    return [dict(zip(TRAITS, own.tolist(), strict=True)) for own in found.values()]


def test_traits_of_two_objects_are_known_by_hand():
    still = {"boxes": [[0, 0, 4, 4]] * 3}
    moving = {"boxes": [[2, 0, 4, 4], [8, 0, 4, 4], None]}
    first, second = traits(still, moving)
    rate = 8 / 24  # of the first frame: 2 x 4 pixels shared, of 6 x 4
    assert first == pytest.approx({"length": 3, "size": 16, "crowding": rate / 3, "speed": 0})
    assert second == pytest.approx({"length": 2, "size": 16, "crowding": rate / 2, "speed": 6 / 4})


def test_speed_is_in_sizes_of_the_object():
    small, large = np.array([[0, 0, 2, 2], [3, 4, 2, 2.0]]), np.array([[0, 0, 4, 4], [3, 4, 4, 4]])
    assert box_speeds(small) == pytest.approx([5 / 2])
    assert box_speeds(large) == pytest.approx([5 / 4])


def test_speed_is_unknown_for_an_object_that_is_never_seen_twice_running():
    (own,) = traits({"boxes": [[0, 0, 4, 4], None, [9, 9, 4, 4]]})
    assert np.isnan(own["speed"]) and own["length"] == 2


def test_crowds_have_no_traits_and_crowd_nobody():
    crowd = {"boxes": [[0, 0, 4, 4]], "crowd": True}
    found = object_traits(scene({"boxes": [[0, 0, 4, 4]]}, crowd))
    assert list(found) == [101] and found[101][TRAITS.index("crowding")] == 0


def test_without_objects_there_are_no_traits():
    assert object_traits(scene({"boxes": [None], "crowd": True})) == {}
