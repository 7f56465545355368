import numpy as np
import pytest

from ovis_jax.analysis.class_precision import ClassPrecision
from ovis_jax.analysis.confusion import Confusion
from ovis_jax.analysis.scenes import scenes
from ovis_jax.evaluation import evaluate
from tests.analysis.pixels import iou, masks
from tests.evaluation import tracks
from tests.evaluation.scenes import random_scene


def after_all(analysis, truth, results):
    own = analysis(truth)
    for scene in scenes(truth, results):
        own.add(scene)
    return own


def naive_confusion(truth, results):
    """Counts of frames and of objects, [2, K, K + 1]."""
    counts = np.zeros((2, 2, 3), int)
    for instance in (i for i in truth.instances if not i.iscrowd):
        own = [r for r in results if r.video_id == instance.video_id]
        own.sort(key=lambda r: -r.score)
        target = masks(instance.segmentations)

        def predicted(part, own=own, target=target):
            ious = [iou(target[part], masks(r.segmentations)[part]) for r in own]
            best = max(ious, default=0)
            return own[ious.index(best)].category_id - 1 if best > 0.5 else 2

        row = instance.category_id - 1
        counts[1, row, predicted(slice(None))] += 1
        for frame in range(len(target)):
            if target[frame].any():
                counts[0, row, predicted(frame)] += 1
    return counts


@pytest.mark.parametrize("seed", range(6))
def test_confusion_follows_its_definition(seed):
    truth, results = random_scene(seed)
    own = after_all(Confusion, truth, results)
    np.testing.assert_array_equal([own.frames, own.objects], naive_confusion(truth, results))


def test_confusion_of_a_known_scene():
    box = tracks.rectangle(2, 2, 6, 4, frames=3)
    gone = np.concatenate([box[:1], np.zeros_like(box[1:])])
    objects = [tracks.instance(1, box, category=1), tracks.instance(2, box, category=2, video=2)]
    results = [tracks.result(box, category=2), tracks.result(gone, category=2, video=2)]
    own = after_all(Confusion, tracks.annotations(objects, 3), results)
    assert own.frames.tolist() == [[0, 3, 0], [0, 1, 2]]
    assert own.objects.tolist() == [[0, 1, 0], [0, 0, 1]]
    section = own.sections()[0]
    assert section.tables[0].rows == [
        ["kind 1", 0, 1, 0, "kind 2", 3],
        ["kind 2", 1 / 3, 0, 2 / 3, None, 3],
    ]
    assert section.tables[1].rows == [["kind 1", 0, 3, 0], ["kind 2", 0, 1, 2]]
    np.testing.assert_allclose(section.plots[0].values, [[0, 1, 0], [0, 1 / 3, 2 / 3]])


@pytest.mark.parametrize("seed", range(4))
def test_precision_of_classes_is_the_evaluators(seed):
    truth, results = random_scene(seed)
    metrics = evaluate(truth, results)
    values = after_all(ClassPrecision, truth, results).sections()[0].values
    expected = {name: None if v < 0 else v for name, v in metrics.values.items()}
    assert values["all"] == expected
    for own in values["classes"]:
        objects = [i for i in truth.instances if i.category_id == own["id"] and not i.iscrowd]
        assert own["AP"] == metrics.category_values[own["id"]]["AP"]
        assert own["objects"] == len(objects)
        assert own["frames"] == sum((i.areas > 0).sum() for i in objects)
        assert own["tracks"] == sum(r.category_id == own["id"] for r in results)


def test_without_tracks_nothing_is_found_and_without_objects_nothing_is_known():
    box = tracks.rectangle(2, 2, 6, 4, frames=2)
    one = tracks.annotations([tracks.instance(1, box)], 2)
    assert after_all(ClassPrecision, one, []).sections()[0].values["all"]["AP"] == 0
    assert after_all(Confusion, one, []).objects.tolist() == [[0, 0, 1], [0, 0, 0]]
    none = tracks.annotations([], 2)
    section = after_all(ClassPrecision, none, [tracks.result(box)]).sections()[0]
    assert section.values["all"]["AP"] is None and not section.plots
    assert "no object" in section.tables[0].note


def test_what_is_unusual_is_said():
    box = tracks.rectangle(2, 2, 6, 4, frames=2)
    objects = [tracks.instance(1, box, occlusion=None), tracks.instance(2, box)]
    section = after_all(ClassPrecision, tracks.annotations(objects, 2), []).sections()[0]
    assert "1 of 2 objects have no occlusion label" in section.tables[0].note
