"""From how many frames a class shows: by hand-made logits, and by a toy that goes by width."""

import dataclasses

import jax.numpy as jnp
import numpy as np
import pytest
from flax import linen as nn

from configs import quickstart
from experiments.harness.class_evidence import Told, class_evidence, tell
from experiments.harness.datasets import QUICKSTART
from experiments.harness.experiment import Experiment, Outcome
from ovis_jax.data.shapes.generate import generate
from ovis_jax.data.shapes.parameters import ShapesParameters
from ovis_jax.formats.annotations import load_annotations
from ovis_jax.predict.trained import TrainedModel

VIDEOS = ShapesParameters(0, 2, 8, 192, 128, sizes=(24.0, 80.0), noise=0.0)
# One object in frames 0, 1, 2 and 7 of a video, wrong in the middle; another one in one frame.
TOLD = Told(
    videos=np.array([0, 0, 0, 0, 1]),
    tracks=np.array([0, 0, 0, 0, 1]),
    frames=np.array([0, 1, 2, 7, 1]),
    levels=np.array([0, 2, 1, 0, 2]),
    classes=np.array([1, 1, 1, 1, 0]),
    logits=np.float32([[0, 2], [1, 0], [0, 2], [9, 0], [0, 1]]),
)


def test_logits_are_averaged_over_the_frames_within_reach():
    assert TOLD.by_reach(0).tolist() == [1, 0, 1, 0, 1]
    assert TOLD.by_reach(1).tolist() == [1, 1, 1, 0, 1]
    # frame 7 has logits (9, 0) and sees frame 2 within five frames
    assert TOLD.by_reach(5).tolist() == [1, 1, 0, 0, 1]
    assert TOLD.by_reach(None).tolist() == [0, 0, 0, 0, 1]


def test_a_table_tells_what_more_frames_would_change(finished):
    run = finished("none", [1, 2], seed=0)
    np.savez(run.folder / "class_evidence.npz", **dataclasses.asdict(TOLD))
    outcome = Outcome(Experiment("name", "Title", "?"), QUICKSTART, {}, {"none": [run]})
    found = class_evidence(outcome)
    rows = {level: values for level, *values in found.tables[0].rows}
    assert [own.value for own in rows["severe"]] == [1, 0.5, 0.5, 1]
    assert [own.value for own in rows["all"]] == [0.6, 0.4, 0.6, 1]
    # of the first object's four frames two, one, two and all are wrong; of the second one all
    assert [own.value for own in rows["tracks"]] == [1, 0.5, 1, 1]
    values = found.values["class_evidence"]["none"]
    assert values["1 frame on either side"]["severe"]["difference"] == -0.5


class ByWidth(nn.Module):
    """Logits of five classes: the width, once negative, and what the levels hold."""

    calibrated_by: float = 0.0

    def encode(self, frames, image_size):
        del image_size
        return (jnp.mean(frames, axis=(1, 2, 3))[:, None, None, None],)

    def calibrate(self, query, reference):
        return [q + self.calibrated_by * r for q, r in zip(query, reference, strict=True)]

    def classify(self, pyramid, rois):
        widths = rois[..., 2] - rois[..., 0]
        level = jnp.broadcast_to(pyramid[0][:, 0, 0], widths.shape)
        background, none = jnp.full_like(widths, 1e6), jnp.zeros_like(widths)
        return jnp.stack([background, -widths, widths, level, none, none], axis=-1), None


@pytest.fixture(scope="module")
def annotations(tmp_path_factory):
    folder = tmp_path_factory.mktemp("classes") / "set"
    generate(folder, VIDEOS)
    return load_annotations(folder / "annotations_valid.json")


def toy(annotations, calibrated_by: float = 0.0):
    config = quickstart.get_config().copy_and_resolve_references().unlock()
    images = annotations.path.replace("annotations_valid.json", "valid")
    config.data.update(eval_images=images, image_scale=(96, 64))
    return TrainedModel(ByWidth(calibrated_by), {}, config, annotations.categories)


def test_annotated_boxes_are_told_without_the_background(annotations):
    found = tell(toy(annotations), annotations)
    labelled = [
        (own.video_id, number, frame, box[2] / 2 - 0.5)
        for number, own in enumerate(annotations.instances)
        for frame, (box, label) in enumerate(zip(own.boxes, own.occlusion, strict=True))
        if label is not None
    ]
    assert len(found.logits) == len(labelled)
    widths = sorted(width for *_, width in labelled)
    np.testing.assert_allclose(np.sort(found.logits[:, 1]), widths, rtol=1e-5)
    np.testing.assert_allclose(found.logits[:, 0], -found.logits[:, 1])
    assert len(np.unique(found.tracks)) == len({number for _, number, *_ in labelled})


def test_a_calibrated_model_sees_the_mean_over_its_reference_frames(annotations):
    plain, calibrated = (tell(toy(annotations, by), annotations) for by in (0.0, 1.0))
    first = plain.videos == 0
    level = {t: plain.logits[first & (plain.frames == t), 2][0] for t in set(plain.frames[first])}
    window = quickstart.get_config().predict.reference_window
    assert window == 1
    for frame in set(plain.frames[first]):
        around = [level[t] for t in (frame - 1, frame + 1) if t in level]
        if len(around) == 2 or frame in (0, max(level)):
            own = calibrated.logits[first & (calibrated.frames == frame), 2]
            np.testing.assert_allclose(own, level[frame] + np.mean(around), rtol=1e-5)


def test_nothing_is_found_where_no_object_has_a_level(annotations):
    without = dataclasses.replace(
        annotations,
        instances=[dataclasses.replace(own, occlusion=None) for own in annotations.instances],
    )
    found = tell(toy(annotations), without)
    assert found.logits.shape[0] == 0 and found.by_reach(None).shape == (0,)
