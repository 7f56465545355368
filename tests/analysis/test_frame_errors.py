import numpy as np
import pytest

from ovis_jax.analysis.frame_errors import Choice, count_choices, count_errors
from ovis_jax.analysis.occlusion_errors import CHOICES
from ovis_jax.analysis.scenes import scenes
from tests.analysis.pixels import iou, masks
from tests.evaluation import tracks
from tests.evaluation.scenes import LEVELS, random_scene

AS_DEFINED = Choice("as defined")
NO, SLIGHT, SEVERE, UNLABELLED = range(4)


def count(objects, results, choice=AS_DEFINED):
    """Errors and what they are counted among [rates, levels, 2], of one video."""
    length = len(objects[0].areas)
    truth = tracks.annotations(objects, length, videos=(1,))
    return sum(count_errors(scene, choice) for scene in scenes(truth, results))


def naive(truth, results):
    """The definitions, one object in one frame after the other."""
    counts = np.zeros((3, 4, 2), int)
    for video in truth.videos:
        own = sorted((r for r in results if r.video_id == video.id), key=lambda r: -r.score)
        pixels = [masks(r.segmentations) for r in own]
        for instance in truth.instances_of(video.id):
            if instance.iscrowd:
                continue
            target, before = masks(instance.segmentations), None
            for frame in range(video.length):
                if not target[frame].any():
                    continue
                level = LEVELS.index(instance.occlusion[frame])
                ious = [iou(target[frame], mask[frame]) for mask in pixels]
                best = max(ious, default=0)
                closest = ious.index(best) if best else None
                if best > 0.5:
                    counts[0, level] += own[closest].category_id != instance.category_id, 1
                    if before is not None:
                        counts[2, level] += before != closest, 1
                    before = closest
                if best > 0.1:
                    counts[1, level] += best <= 0.5, 1
    return counts


@pytest.mark.parametrize("seed", range(12))
def test_counts_follow_their_definitions(seed):
    truth, results = random_scene(seed)
    got = sum(count_errors(scene, AS_DEFINED) for scene in scenes(truth, results))
    np.testing.assert_array_equal(got, naive(truth, results))


def test_choices_are_counted_together_as_one_by_one():
    truth, results = random_scene(3)
    for scene in scenes(truth, results):
        found = count_choices(scene, CHOICES)
        for own, choice in zip(found, CHOICES, strict=True):
            np.testing.assert_array_equal(own, count_errors(scene, choice))


def test_perfect_tracks_have_no_error():
    truth, _ = random_scene(2)
    perfect = [
        tracks.result(masks(i.segmentations), 0.9, video=i.video_id, category=i.category_id)
        for i in truth.instances
        if not i.iscrowd
    ]
    for scene in scenes(truth, perfect):
        counts = count_errors(scene, Choice("", keep_ties=True))
        assert counts[:, :, 0].sum() == 0
        assert counts[1, :, 1].sum() == scene.has_object.sum()


def moved(box, frame, by):
    """The masks with those of a frame moved to the right."""
    result = box.copy()
    result[frame] = np.roll(box[frame], by, axis=1)
    return result


def test_each_rate_counts_what_it_says():
    box = tracks.rectangle(2, 2, 6, 4, frames=4)
    nothing = np.zeros_like(box)
    levels = ("no_occlusion", "slight_occlusion", "severe_occlusion", None)
    objects = [tracks.instance(1, box, occlusion=levels)]
    first = np.concatenate([box[:2], nothing[2:]])
    second = np.concatenate([nothing[:2], moved(box, 2, 3)[2:]])  # IoU 1/3 in frame 2
    results = [tracks.result(first, 0.9, category=1), tracks.result(second, 0.8, category=2)]
    counts = count(objects, results)
    expected = np.zeros((3, 4, 2), int)
    expected[0, [NO, SLIGHT], 1] = 1
    expected[0, UNLABELLED] = 1, 1  # another class
    expected[1, :, 1] = 1
    expected[1, SEVERE, 0] = 1
    expected[2, SLIGHT, 1] = 1
    expected[2, UNLABELLED] = 1, 1  # from the first track to the second
    np.testing.assert_array_equal(counts, expected)


@pytest.mark.parametrize("by, seen, wrong", [(2, 1, 1), (3, 1, 1), (1, 1, 0), (5, 0, 0)])
def test_an_iou_that_is_not_above_a_bound_does_not_count(by, seen, wrong):
    box = tracks.rectangle(2, 2, 6, 4)  # IoUs of 1/2, 1/3, 5/7 and 1/11
    counts = count([tracks.instance(1, box)], [tracks.result(moved(box, 0, by))])
    assert counts[1, NO].tolist() == [wrong, seen]
    assert counts[0, NO, 1] == (by == 1)


def test_of_equal_masks_the_surest_counts_unless_ties_are_kept():
    box = tracks.rectangle(2, 2, 6, 4, frames=2)
    late = np.concatenate([np.zeros_like(box[:1]), box[1:]])
    results = [
        tracks.result(box, 0.5, category=1),
        tracks.result(late, 0.7, category=2),
    ]
    objects = [tracks.instance(1, box)]
    assert count(objects, results)[[0, 2], NO].tolist() == [[1, 2], [1, 1]]
    kept = count(objects, results, Choice("", keep_ties=True))
    assert kept[[0, 2], NO].tolist() == [[0, 2], [0, 1]]


def test_one_to_one_gives_a_mask_to_the_object_it_fits_best():
    wide, narrow = tracks.rectangle(2, 2, 8, 4), tracks.rectangle(2, 2, 6, 4)
    objects = [tracks.instance(1, wide), tracks.instance(2, narrow)]
    results = [tracks.result(tracks.rectangle(2, 2, 7, 4))]  # IoUs of 7/8 and 6/7
    assert count(objects, results)[0, NO, 1] == 2
    assert count(objects, results, Choice("", one_to_one=True))[0, NO, 1] == 1


def test_tracks_with_low_scores_can_be_left_out():
    box = tracks.rectangle(2, 2, 6, 4)
    results = [tracks.result(box, 0.5), tracks.result(box, 0.4, category=2)]
    scores = (0.4, 0.5, 0.6)
    counted = [
        count([tracks.instance(1, box)], results, Choice("", min_score=score))[0, NO].tolist()
        for score in scores
    ]
    assert counted == [[0, 1], [0, 1], [0, 0]]


def test_objects_that_nothing_sees_can_count_as_wrongly_segmented():
    objects = [tracks.instance(1, tracks.rectangle(2, 2, 6, 4))]
    assert count(objects, [])[1, NO].tolist() == [0, 0]
    assert count(objects, [], Choice("", unseen=True))[1, NO].tolist() == [1, 1]


def test_classes_and_identities_can_be_judged_from_a_lower_iou():
    box = tracks.rectangle(2, 2, 6, 4, frames=2)
    results = [tracks.result(moved(moved(box, 0, 3), 1, 3), category=2)]
    objects = [tracks.instance(1, box)]
    assert count(objects, results)[[0, 2], NO].tolist() == [[0, 0], [0, 0]]
    low = Choice("", classified_from=0.1, tracked_from=0.1)
    assert count(objects, results, low)[[0, 2], NO].tolist() == [[2, 2], [0, 1]]


def test_a_switch_belongs_to_its_frame_or_to_the_worst_since_the_predecessor():
    box = tracks.rectangle(2, 2, 6, 4, frames=4)
    hidden = np.zeros_like(box)
    levels = ("no_occlusion", "severe_occlusion", "slight_occlusion", "no_occlusion")
    results = [
        tracks.result(np.concatenate([box[:1], hidden[1:]]), 0.9),
        tracks.result(np.concatenate([hidden[:3], box[3:]]), 0.8),
    ]
    objects = [tracks.instance(1, box, occlusion=levels)]
    assert count(objects, results)[2].tolist() == [[1, 1], [0, 0], [0, 0], [0, 0]]
    worst = count(objects, results, Choice("", worst_since=True))
    assert worst[2].tolist() == [[0, 0], [0, 0], [1, 1], [0, 0]]


def test_crowds_have_no_errors():
    box = tracks.rectangle(2, 2, 6, 4)
    assert not count([tracks.instance(1, box, crowd=True)], [tracks.result(box, category=2)]).any()
