import numpy as np
import pytest
from golden_folder import golden_json

from ovis_jax.tracking.tracklets import Tracklets


def rle(name):
    return {"size": [4, 4], "counts": name}


def test_a_record_has_mean_score_majority_category_and_a_mask_per_frame():
    tracklets = Tracklets()
    tracklets.add(1, [7, 3], [0.5, 0.25], [2, 0], [rle("a"), rle("b")])
    tracklets.add(2, [3], [0.75], [1], [rle("c")])
    tracklets.add(4, [7], [1.0], [2], [rle("d")])
    first, second = tracklets.records(video_id=11, length=5, category_ids=[10, 20, 30])
    assert len(tracklets) == 2
    assert first == {
        "video_id": 11,
        "score": 0.75,
        "category_id": 30,
        "segmentations": [None, rle("a"), None, None, rle("d")],
    }
    assert second["score"] == 0.5
    assert second["segmentations"] == [None, rle("b"), rle("c"), None, None]
    assert second["category_id"] == 10  # one vote each: the smallest label


def test_numpy_and_device_scalars_become_plain_numbers():
    tracklets = Tracklets()
    ids, scores, labels = np.int32([4]), np.float32([0.5]), np.int32([1])
    tracklets.add(0, ids, scores, labels, [rle("a")])
    (record,) = tracklets.records(1, 1, np.array([5, 6]))
    assert type(record["score"]) is float and type(record["category_id"]) is int


def test_no_objects_give_no_records():
    assert Tracklets().records(1, 3, [1]) == []


def test_one_identity_cannot_be_in_two_places():
    tracklets = Tracklets()
    with pytest.raises(ValueError, match="identity 3 occurs twice in frame 0"):
        tracklets.add(0, [3, 3], [0.5, 0.5], [0, 0], [rle("a"), rle("b")])


@pytest.mark.parametrize(("video", "video_id"), [("v0", 1), ("v1fix", 2)])
def test_recorded_frames_give_the_recorded_results(video, video_id):
    frames = golden_json("cmasktrack_rcnn", "tracking.json")[video]
    tracklets = Tracklets()
    for frame in frames:
        objects = [(int(k), frame["detections"][i]) for k, i in frame["kept"].items()]
        columns = [[d[field] for _, d in objects] for field in ("score", "label", "rle")]
        tracklets.add(frame["frame"], [k for k, _ in objects], *columns)
    got = tracklets.records(video_id, len(frames), range(1, 26))
    want = golden_json("cmasktrack_rcnn", "results_intended.json")
    want = [record for record in want if record["video_id"] == video_id]
    assert len(got) == len(want)
    for record, expected in zip(got, want, strict=True):
        assert record["category_id"] == expected["category_id"]
        assert record["segmentations"] == expected["segmentations"]
        assert record["score"] == pytest.approx(expected["score"], abs=1e-6)
