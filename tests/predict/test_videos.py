"""Prediction of whole data sets with a toy system: what is written, and what is refused."""

import json

import cv2
import numpy as np
import pytest
from absl import logging
from tiny_ovis import write_tiny_ovis
from toy_system import ToySystem, toy_variables

from configs.parts.mask_track_rcnn import mask_track_rcnn_r50
from ovis_jax import predict
from ovis_jax.classes import UNKNOWN_CLASSES
from ovis_jax.formats import rle
from ovis_jax.formats.annotations import load_annotations
from ovis_jax.formats.errors import InputError
from ovis_jax.formats.results import load_results
from ovis_jax.main import metrics_during_training
from ovis_jax.tracking.paste import encode_crop
from ovis_jax.tracking.tracklets import Tracklets


def setup(folder, **system):
    """Config, annotations, toy system and its variables for a tiny data set on disk."""
    config = mask_track_rcnn_r50()
    config.data = write_tiny_ovis(folder)
    config.model.num_classes = 2
    config.capacity.tracks = 5
    system = ToySystem(**system)
    variables = toy_variables(system)
    return config, load_annotations(config.data.eval_annotations), system, variables


def test_results_are_written_in_the_official_format(tmp_path):
    config, annotations, system, variables = setup(tmp_path, window_before=1, window_after=1)
    output = tmp_path / "results.json"
    records = predict.predict(system, variables, annotations, config, output).records
    assert json.loads(output.read_text()) == records
    assert len(load_results(output, annotations)) == len(records) > 0
    for video in annotations.videos:
        own = [r for r in records if r["video_id"] == video.id]
        assert own and all(len(r["segmentations"]) == video.length for r in own)
        sizes = {tuple(s["size"]) for r in own for s in r["segmentations"] if s}
        assert sizes == {(video.height, video.width)}
    assert {r["category_id"] for r in records} <= {3, 7}


def test_results_do_not_depend_on_the_chunk(tmp_path):
    config, annotations, system, variables = setup(tmp_path, window_before=2, window_after=2)
    records = []
    for chunk in (1, 4, 7):
        config.predict.chunk = chunk
        output = tmp_path / f"{chunk}.json"
        records.append(predict.predict(system, variables, annotations, config, output).records)
    for other in records[1:]:
        for a, b in zip(records[0], other, strict=True):
            assert a.pop("score") == pytest.approx(b["score"], rel=1e-5)
            a["score"] = b["score"]
            assert a == b


def test_images_in_memory_give_the_tracks_of_the_same_frames_on_disk(tmp_path):
    config, annotations, system, variables = setup(tmp_path)
    records = predict.predict(system, variables, annotations, config, None).records
    video = annotations.videos[1]
    paths = [f"{config.data.eval_images}/{name}" for name in video.file_names]
    images = (cv2.imread(path)[..., ::-1] for path in paths)
    model = predict.TrainedModel(system, variables, config, annotations.categories)
    tracked, tracks = predict.Predictor(model).track(images), Tracklets()
    for result in tracked:
        tracks.add(result.frame, result.ids, result.scores, result.labels, result.rles)
    tracks.finish(tracked.finish)
    own = [r for r in records if r["video_id"] == video.id]
    assert tracks.records(video.id, video.length, [3, 7]) == own


def test_records_follow_the_track_rule_and_the_finish_of_the_system(tmp_path):
    class LastTrack(ToySystem):
        def finish(self, memory, tracks):
            assert memory.count >= 100  # the toy counts frames from there
            return tracks[-1:]

    config, annotations, system, variables = setup(tmp_path)
    plain = predict.predict(system, variables, annotations, config, None).records
    system = LastTrack(track_rule=lambda track: [(0.25, 0), (len(track), 1)])
    records = predict.predict(system, variables, annotations, config, None).records
    for video in annotations.videos:
        last = [r["segmentations"] for r in plain if r["video_id"] == video.id][-1]
        seen = sum(mask is not None for mask in last)
        want = [(3, 0.25, last), (7, seen, last)]
        own = [r for r in records if r["video_id"] == video.id]
        assert [(r["category_id"], r["score"], r["segmentations"]) for r in own] == want


def test_masks_are_made_as_the_system_says(tmp_path):
    config, annotations, system, variables = setup(tmp_path)

    def corner(objects, frame):
        crop = np.ones((2, 3), bool)
        return [encode_crop(crop, 0, 0, frame.height, frame.width)] * len(objects.ids)

    system = ToySystem(mask_rule=corner)
    for record in predict.predict(system, variables, annotations, config, None).records:
        assert {rle.area([mask])[0] for mask in record["segmentations"] if mask} == {6}


def test_a_truncated_frame_is_named_and_nothing_is_written(tmp_path):
    config, annotations, system, variables = setup(tmp_path)
    name = annotations.videos[1].file_names[3]
    path = tmp_path / "frames" / name
    path.write_bytes(path.read_bytes()[:200])
    with pytest.raises(InputError, match=name):
        predict.predict(system, variables, annotations, config, tmp_path / "results.json")
    assert not (tmp_path / "results.json").exists()


def test_a_missing_frame_is_named_before_anything_is_computed(tmp_path):
    config, annotations, system, _ = setup(tmp_path)
    name = annotations.videos[2].file_names[5]
    (tmp_path / "frames" / name).unlink()
    with pytest.raises(InputError, match=name):
        predict.predict(system, None, annotations, config, tmp_path / "results.json")


def test_other_categories_than_the_models_are_refused(tmp_path):
    config, annotations, system, _ = setup(tmp_path)
    config.model.num_classes = 25
    with pytest.raises(InputError, match="categories: 2 entries, but the model has 25"):
        predict.predict(system, None, annotations, config, tmp_path / "results.json")


def test_lost_objects_are_reported_in_one_line(tmp_path, monkeypatch):
    config, annotations, system, variables = setup(tmp_path)  # the toy loses one object a frame
    lines = []
    monkeypatch.setattr(logging, "warning", lambda text, *values: lines.append(text % values))
    found = predict.predict(system, variables, annotations, config, tmp_path / "results.json")
    num_frames = sum(video.length for video in annotations.videos)
    assert found.lost_objects == num_frames
    metrics = metrics_during_training(annotations, UNKNOWN_CLASSES, config, (system, variables))
    assert metrics["lost_objects"] == num_frames and "AP" in metrics
    assert len(set(lines)) == 1 and lines[0].startswith(f"{num_frames} candidate objects were lost")
    assert "config.capacity" in lines[0]
