"""Every map of STMask on frames of two clips, against the reference implementation's numbers."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from golden.comparison import assert_close_map
from golden.stmask.stmask_model import (
    LEVELS,
    apply,
    assert_recorded,
    canvases,
    channels_first,
    clip_size,
    published_stmask,
    record,
    recorded,
    resized,
    thinned,
)

from ovis_jax.models.heads.shape_anchors import TOWERS, decode_anchors

VIDEOS = ("v0", "v1")
THEIR_TOWERS = dict(zip(TOWERS, ("conf", "bbox", "mask", "track"), strict=True))
ALIGNED = ("ada", "ali")
FIRST = "v0_t0"

pytestmark = pytest.mark.exhaustive


def frame_names() -> list[str]:
    return [f"{video}_t{t}" for video in VIDEOS for t in range(len(resized(video)))]


def everything(system, frames, sizes):
    """All maps that are recorded, in one program."""
    normalised = system.normalise(frames, sizes)
    stages = system.backbone(normalised)
    pyramid = system.neck(stages)
    predicted = system.predict_from(pyramid)
    first = {
        name: [system.anchors.tower(x[:1], name) for x in predicted.maps.shared] for name in TOWERS
    }
    return {
        "normalised": normalised,
        "stages": stages,
        "pyramid": pyramid,
        "predicted": predicted,
        "towers": first,
    }


def is_taps(module, method):
    return method == "taps"


@functools.cache
def stages_of_all_frames() -> tuple[dict, dict]:
    """Maps of the frames of both videos, and the taps of all deformable convolutions."""
    system, variables = published_stmask()
    frames = np.concatenate([canvases(video) for video in VIDEOS])
    sizes = jnp.tile(jnp.float32(clip_size()), (len(frames), 1))
    options = dict(method=everything, capture_intermediates=is_taps)
    run = jax.jit(functools.partial(system.apply, mutable=["intermediates"], **options))
    found, extra = run(variables, jnp.asarray(frames), sizes)
    taps = jax.tree_util.tree_leaves_with_path(jax.device_get(extra["intermediates"]))
    return jax.device_get(found), {jax.tree_util.keystr(path): x for path, x in taps}


@functools.cache
def maps_of(alignment: str):
    """What the head with an alignment of classes says of all frames."""
    pyramid = stages_of_all_frames()[0]["pyramid"]
    return jax.device_get(apply(alignment, head_maps, pyramid))


def head_maps(system, pyramid):
    return system.anchors(pyramid)


def test_normalised_frames_and_the_backbone():
    ours, _ = stages_of_all_frames()
    assert_recorded(channels_first(ours["normalised"][0]), f"{FIRST}/net_input")
    for level, x in zip((2, 3, 4, 5), ours["stages"], strict=True):
        assert_recorded(channels_first(x[0]), f"{FIRST}/c{level}")


def test_where_deformable_convolutions_read_and_how_much_that_counts():
    _, taps = stages_of_all_frames()
    convolutions = sorted({path.partition("['taps']")[0] for path in taps})
    numbers = [number for number in range(100) if recorded(f"{FIRST}/dcn{number}_offset")]
    assert len(convolutions) == len(numbers) > 0
    for number, path in zip(numbers, convolutions, strict=True):
        offsets, weights = (x[0] for key, x in sorted(taps.items()) if key.startswith(path))
        assert_recorded(channels_first(offsets), f"{FIRST}/dcn{number}_offset")
        assert_recorded(channels_first(weights), f"{FIRST}/dcn{number}_mask")


@pytest.mark.parametrize("frame", frame_names())
def test_pyramid_predictions_and_prototypes(frame):
    ours, number = stages_of_all_frames()[0], frame_names().index(frame)
    predicted = ours["predicted"]
    maps = predicted.maps
    values = {
        "loc": maps.deltas,
        "conf": maps.logits,
        "centerness": maps.centerness[..., None],
        "mask_coeff": maps.coefficients,
        "track": maps.embeddings,
        "proto": predicted.prototypes,
    }
    for level, x, shared in zip(LEVELS, ours["pyramid"], maps.shared, strict=True):
        values |= {level: np.moveaxis(x, -1, 1), f"t2s_{level}": np.moveaxis(shared, -1, 1)}
    found = [name for name in values if recorded(f"{frame}/{name}")]
    assert {"loc", "conf", "centerness", "proto"} <= set(found)
    for name in found:
        assert_recorded(values[name][number], f"{frame}/{name}")


def test_towers_of_the_first_frame():
    towers = stages_of_all_frames()[0]["towers"]
    for ours, theirs in THEIR_TOWERS.items():
        for level, x in zip(LEVELS, towers[ours], strict=True):
            assert_recorded(channels_first(x[0]), f"{FIRST}/{theirs}_extra_{level}")


def test_boxes_and_probabilities_of_the_first_frame():
    predicted = stages_of_all_frames()[0]["predicted"]
    boxes = decode_anchors(predicted.anchors, predicted.maps.deltas[0])
    np.testing.assert_allclose(boxes, record(f"{FIRST}/decoded"), atol=2e-5)
    assert_recorded(jax.nn.softmax(predicted.maps.logits[0]), f"{FIRST}/prob")


@pytest.mark.parametrize("alignment", ALIGNED)
def test_class_logits_that_are_read_inside_the_predicted_box(alignment):
    logits = maps_of(alignment).logits[0]
    assert_recorded(logits, f"{alignment}/{FIRST}/conf")


def offsets_of(system, deltas):
    align = system.anchors.align
    return [[own.offsets(x) for own, x in zip(align, xs, strict=True)] for xs in deltas]


@pytest.mark.parametrize("alignment", ALIGNED)
def test_offsets_that_lead_into_the_predicted_box(alignment):
    ours, _ = stages_of_all_frames()
    deltas, start = [], 0
    for x in ours["pyramid"]:
        height, width = x.shape[1:3]
        own = ours["predicted"].maps.deltas[:1, start : start + 3 * height * width]
        deltas.append(list(np.moveaxis(own.reshape(1, height, width, 3, 4), 3, 0)))
        start += 3 * height * width
    found = apply(alignment, offsets_of, deltas)
    for level, shapes in zip(LEVELS, found, strict=True):
        for k, x in enumerate(shapes):
            name = f"{alignment}/{FIRST}/offset_{level}_k{k}"
            assert_close_map(thinned(channels_first(x[0]), name, "frames"), record(name), name)
