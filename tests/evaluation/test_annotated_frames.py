"""Where only some frames of a video are annotated, the others count neither way."""

import dataclasses
import json

import numpy as np
import pytest
from evaluation.tracks import annotations, instance, rectangle, result
from hypothesis import given, settings
from hypothesis import strategies as st

from ovis_jax.evaluation import evaluate
from ovis_jax.formats.documents import to_document


def partly(truth, frames, video=1):
    """The same annotations, of which some frames of a video are annotated."""
    videos = [
        dataclasses.replace(v, annotated_frames=tuple(frames)) if v.id == video else v
        for v in truth.videos
    ]
    return dataclasses.replace(truth, videos=tuple(videos))


def in_frames(masks, frames):
    kept = np.zeros_like(masks)
    kept[list(frames)] = masks[list(frames)]
    return kept


def test_what_is_predicted_in_other_frames_does_not_lower_ap():
    whole = rectangle(0, 0, 4, 4, frames=6)
    seen = in_frames(whole, (0, 3))
    truth = annotations([instance(1, seen)], 6)
    tracks = [
        result(whole, 0.9),
        result(in_frames(rectangle(9, 2, 5, 5, frames=6), (1, 2)), 0.95),  # who knows what
    ]
    assert evaluate(truth, tracks).values["AP"] < 0.2
    metrics = evaluate(partly(truth, (0, 3)), tracks)
    assert metrics.values["AP"] == pytest.approx(1)
    assert "In 1 videos 2 of 6 frames are annotated; the others are not looked at." in metrics.notes
    assert any("ropped 1 tracks that are in no annotated frame" in n for n in metrics.notes)


def test_a_track_that_is_wrong_in_an_annotated_frame_stays_wrong():
    seen = in_frames(rectangle(0, 0, 4, 4, frames=6), (0, 3))
    truth = partly(annotations([instance(1, seen)], 6), (0, 3))
    wrong = result(in_frames(rectangle(9, 2, 5, 5, frames=6), (2, 3)), 0.95)
    assert evaluate(truth, [result(seen, 0.9), wrong]).values["AP"] == pytest.approx(0.5)


@settings(deadline=None, max_examples=20)
@given(frames=st.sets(st.integers(0, 4), min_size=1), seed=st.integers(0, 2**32 - 1))
def test_it_is_as_if_the_video_had_its_annotated_frames_alone(frames, seed):
    frames, random = sorted(frames), np.random.default_rng(seed)
    boxes = random.random((6, 5)) < 0.7  # in which frames each object and track is
    places = random.integers(0, 8, (6, 2))
    masks = [
        rectangle(*map(int, place), 4, 4, frames=5) & shown[:, None, None]
        for place, shown in zip(places, boxes, strict=True)
    ]
    objects = [in_frames(m, frames) for m in masks[:2]]
    masks = [m for m in masks[2:] if m[frames].any()]
    truth = partly(annotations([instance(n, m) for n, m in enumerate(objects, 1)], 5), frames)
    short = annotations([instance(n, m[frames]) for n, m in enumerate(objects, 1)], len(frames))
    tracks = [result(m, 0.9 - 0.1 * n) for n, m in enumerate(masks)]
    cut = [result(m[frames], 0.9 - 0.1 * n) for n, m in enumerate(masks)]
    got, want = evaluate(truth, tracks).precision, evaluate(short, cut).precision
    np.testing.assert_array_equal(got, want)


def test_several_processes_find_the_same(tmp_path):
    whole = rectangle(0, 0, 4, 4, frames=6)
    truth = annotations([instance(1, in_frames(whole, (0, 3)))], 6)
    records = []
    for number in range(8):
        masks = in_frames(whole, (1, 2)) if number % 2 else whole
        track = result(masks, 0.9 - number / 100)
        entries = [track.segmentations[frame] for frame in range(6)]
        head = {"video_id": 1, "category_id": 1, "score": track.score}
        records.append(head | {"segmentations": entries})
    paths = [str(tmp_path / name) for name in ("a.json", "r.json")]
    for path, content in zip(paths, (to_document(partly(truth, (0, 3))), records), strict=True):
        with open(path, "w") as file:
            json.dump(content, file)
    one, two = evaluate(*paths), evaluate(*paths, workers=2)
    np.testing.assert_array_equal(one.precision, two.precision)
    assert one.notes == two.notes and any("ropped 4 tracks" in note for note in one.notes)
