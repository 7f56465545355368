"""Every array of every frame, from resized frames to results, against the published code."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from golden.comparison import differing_pixels
from golden.idol.idol_model import (
    BOX_TOLERANCE,
    MASK_PIXELS,
    SCORE_TOLERANCE,
    SIMILARITY_TOLERANCE,
    assert_recorded,
    canvases,
    config,
    frame_scale,
    frame_size,
    published_idol,
    record,
    settings,
    tracked_frames,
)
from golden_folder import golden_json

from ovis_jax.inference.collect import VideoTracks
from ovis_jax.inference.stream import ChunkOutput
from ovis_jax.models.heads.dynamic_mask import mask_logits
from ovis_jax.models.systems.idol import InstanceQueries, frame_sides
from ovis_jax.structures import Window
from ovis_jax.tracking.paste import OriginalFrame

VIDEOS = (0, 1)
LENGTHS = [len(canvases(video)) for video in VIDEOS]
FIRST = (0, LENGTHS[0])  # number of each video's first frame among all
FRAMES = [(v, t) for v in VIDEOS for t in range(LENGTHS[v])]
LONGEST = max(LENGTHS)  # what videos are filled up to, so that there is one program

pytestmark = pytest.mark.exhaustive
every_video = pytest.mark.parametrize("video", VIDEOS)
every_frame = pytest.mark.parametrize("number", range(len(FRAMES)))


def name_of(number):
    video, frame = FRAMES[number]
    return f"v{video}_t{frame}"


def everything(system, frames, sizes):
    """All maps that are recorded, and what prediction reads."""
    normalised = system.normalise(frames, sizes)
    stages = system.backbone(normalised)
    levels = system.neck(stages)
    geometry = system.transformer.geometry(levels, sizes)
    cells = system.transformer.encode(levels, geometry)
    decoded = system.transformer.decode(cells, geometry)
    logits = system.head.logits(decoded.features)
    queries = InstanceQueries(
        logits=logits[-1],
        boxes=decoded.boxes[-1],
        places=decoded.places[-1],
        networks=system.head.networks(decoded.features[-1]),
        embeddings=system.head.embed(decoded.features[-1]),
        mask_features=system.masks(geometry.split(cells)),
    )
    first = jnp.array(FIRST)
    return {
        "normalised": normalised[first],
        "stages": stages,
        "levels": levels,
        "codes": [x[:1] for x in geometry.position_codes(system.transformer.channels)],
        "counts": geometry.counts,
        "memory": cells,
        "features": decoded.features[:, first],
        "last_features": decoded.features[-1],
        "boxes": decoded.boxes[:, first],
        "last_reference": decoded.boxes[-2],
        "first_places": decoded.places[0, first],
        "logits": logits[:, first],
        "queries": queries,
    }


def kept_inside(module, method):
    """Which intermediate results are looked at: those of attention and of encoder layers."""
    name = module.name or ""
    seen = name in ("attention", "out_proj") or name.startswith("encoder_")
    return (seen and method == "__call__") or method == "_points"


@functools.cache
def of_all_frames():
    """What `everything` gives for the frames of both videos, and what is inside."""
    system, variables = published_idol()
    frames = np.concatenate([canvases(video) for video in VIDEOS])

    @jax.jit
    def run(variables, frames, sizes):
        ours, kept = system.apply(
            variables,
            frames,
            sizes,
            method=everything,
            capture_intermediates=kept_inside,
            mutable="intermediates",
        )
        first = jnp.array(FIRST)
        return ours, jax.tree.map(lambda x: x[first], kept["intermediates"]["transformer"])

    return run(variables, frames, np.tile(frame_size(), (len(frames), 1)))


@pytest.fixture(scope="module")
def ours():
    return of_all_frames()[0]


@pytest.fixture(scope="module")
def inside():
    return of_all_frames()[1]


@every_video
def test_frames_are_normalised_as_recorded(ours, video):
    assert_recorded(ours["normalised"][video], f"v{video}_t0/net_input", channels_last=True)


def test_position_codes_without_padding(ours):
    for level, code in enumerate(ours["codes"]):
        assert_recorded(code[0], f"v0_t0/pos{level}", channels_last=True)


@every_frame
def test_backbone_and_neck(ours, number):
    for x, name in zip(ours["stages"], ("res2", "res3", "res4", "res5"), strict=True):
        assert_recorded(x[number], f"{name_of(number)}/{name}", channels_last=True)
    for level, x in enumerate(ours["levels"]):
        assert_recorded(x[number], f"{name_of(number)}/proj{level}", channels_last=True)


@every_frame
def test_encoder_decoder_and_what_queries_say(ours, number):
    queries = jax.tree.map(lambda x: x[number], ours["queries"])
    name = name_of(number)
    assert_recorded(ours["memory"][number], f"{name}/memory")
    assert_recorded(ours["last_features"][number], f"{name}/hs5")
    assert_recorded(ours["last_reference"][number], f"{name}/ref4")
    assert_recorded(queries.logits, f"{name}/logits")
    assert_recorded(queries.boxes, f"{name}/boxes")
    assert_recorded(queries.networks, f"{name}/controller")
    assert_recorded(queries.embeddings, f"{name}/embed")
    assert_recorded(queries.mask_features, f"{name}/mask_feat", channels_last=True)


@every_video
def test_every_layer_of_a_first_frame(ours, inside, video):
    name, last = f"v{video}_t0", len(ours["features"]) - 1
    assert_recorded(ours["first_places"][video], f"{name}/init_ref")
    for layer in range(last + 1):
        (cells,) = inside[f"encoder_{layer}"]["__call__"]
        assert_recorded(cells[video], f"{name}/enc{layer}")
        features = "hs5_" if layer == last else f"hs{layer}"
        assert_recorded(ours["features"][layer, video], f"{name}/{features}")
        assert_recorded(ours["logits"][layer, video], f"{name}/logits{layer}")
        assert_recorded(ours["boxes"][layer, video], f"{name}/ref{layer}")
        for side, ours_ in (("enc", f"encoder_{layer}"), ("dec", f"decoder_{layer}")):
            (out,) = inside[ours_]["attention"]["__call__"]
            assert_recorded(out[video], f"{name}/{side}{layer}_attn_out")
            ((points, weights),) = inside[ours_]["attention"]["_points"]
            assert_recorded(points[video], f"{name}/{side}{layer}_loc")
            assert_recorded(weights[video], f"{name}/{side}{layer}_att")
        (out,) = inside[f"decoder_{layer}"]["self_attention"]["out_proj"]["__call__"]
        assert_recorded(out[video], f"{name}/dec{layer}_self_out")


def draw_all(system, queries):
    """Mask logits [T, Q, h, w] of all queries."""

    def of_frame(own):
        points = own.places * frame_sides(frame_size())[:2]
        ones = jnp.ones(len(points))
        return mask_logits(own.mask_features, own.networks, points, ones, system.head.network)

    return jax.lax.map(of_frame, queries)


@pytest.fixture(scope="module")
def masks(ours):
    return jax.jit(functools.partial(draw_all, published_idol()[0]))(ours["queries"])


@every_frame
def test_masks_of_all_queries(masks, number):
    assert_recorded(masks[number], f"{name_of(number)}/masks")


@functools.cache
def linked():
    """Detections, similarities, memories and outputs of both videos, [T, ...]."""
    system, variables = published_idol()

    def step(memory, frame):
        window = Window(
            features=jax.tree.map(lambda x: x[None], frame),
            valid=jnp.ones(1, bool),
            image_size=frame_size(),
            scale=frame_scale(),
        )
        detections = system.apply(variables, window, method="detect")
        similarities = system.tracker.similarities(memory, detections)
        means = system.tracker.track_embeddings(memory)
        after, output = system.tracker.step(memory, detections)
        return after, (detections, similarities, means, memory, output)

    run = jax.jit(functools.partial(jax.lax.scan, step))
    queries, found = of_all_frames()[0]["queries"], []
    for video in VIDEOS:
        part = slice(FIRST[video], FIRST[video] + LENGTHS[video])
        own = jax.tree.map(lambda x, part=part: _filled(x[part], LONGEST), queries)
        start = system.tracker.init_memory(config().capacity.tracks, system.head.channels)
        found.append(jax.device_get(run(start, own)[1]))
    return found


def _filled(x, length):
    """The first `length` frames; the last one stands again for those that are missing."""
    return jnp.concatenate([x, jnp.repeat(x[-1:], length - len(x), axis=0)])


@every_frame
def test_detections_of_every_frame(number):
    video, t = FRAMES[number]
    detections, *_ = linked()[video]
    own = jax.tree.map(lambda x: x[t], detections)
    queries = record(f"{name_of(number)}/q", "detections")
    frame = tracked_frames()[video][t]
    assert own.valid.sum() == len(queries) == len(frame["detections"])
    sources = np.asarray(of_all_frames()[0]["queries"].embeddings[number])[queries]
    np.testing.assert_array_equal(own.embeddings[: len(queries)], sources)
    for i, want in enumerate(frame["detections"]):
        assert own.labels[i] == want["label"]
        assert abs(own.scores[i] - want["score"]) < SCORE_TOLERANCE
        assert np.abs(own.boxes[i] - want["box"]).max() < BOX_TOLERANCE


@every_frame
def test_identities_similarities_and_memory(number):
    video, t = FRAMES[number]
    detections, similarities, means, memory, output = linked()[video]
    own, name = jax.tree.map(lambda x: x[t], memory), name_of(number)
    ids = record(f"{name}/ids", "detections")
    valid = output.valid[t, : len(ids)]
    np.testing.assert_array_equal(valid, ids >= 0)
    np.testing.assert_array_equal(output.ids[t, : len(ids)][valid], ids[valid])
    assert not output.valid[t, len(ids) :].any() and output.overflow[t] == 0
    if t == 0:
        return
    count = int(own.count)
    np.testing.assert_array_equal(own.ids[:count], record(f"{name}/memo_ids", "detections"))
    np.testing.assert_array_equal(
        own.frames_seen[:count], record(f"{name}/memo_exist", "detections")
    )
    assert_recorded(means[t, :count], f"{name}/memo_embed", "detections")
    want = record(f"{name}/sim", "detections")
    close = np.abs(similarities[t, : len(ids), :count] - want)
    assert close.max() <= SIMILARITY_TOLERANCE


@every_frame
def test_masks_of_every_detection(number):
    video, t = FRAMES[number]
    *_, output = linked()[video]
    detections = tracked_frames()[video][t]["detections"]
    kept = jax.tree.map(lambda x: x[t][: len(detections)] if x.ndim > 1 else x[t], output)
    original = OriginalFrame(settings()["H"], settings()["W"], tuple(frame_scale()))
    found = published_idol()[0].mask_rule(kept, original)
    for own, want in zip(found, detections, strict=True):
        assert differing_pixels(own, want["mask"]) <= MASK_PIXELS


@every_video
def test_results_are_those_of_the_published_writer(video):
    system, _ = published_idol()
    *_, memory, output = linked()[video]
    length = LENGTHS[video]
    output = jax.tree.map(lambda x: x[:length], output)
    tracks = VideoTracks(settings()["W"], settings()["H"], tuple(frame_scale()), system.mask_rule)
    tracks.add(ChunkOutput(0, length, output))
    last = jax.tree.map(lambda x: x[length - 1], memory)
    tracks.finish(system.finish, last.replace(frame=last.frame + 1))
    categories = range(1, settings()["num_classes"] + 1)
    ours = tracks.tracklets.records(video + 1, length, list(categories), system.track_rule)
    want = [x for x in golden_json("idol", "results.json") if x["video_id"] == video + 1]
    assert len(ours) == len(want) > 0
    for mine, theirs in zip(ours, want, strict=True):
        assert mine["category_id"] == theirs["category_id"]
        assert abs(mine["score"] - theirs["score"]) < SCORE_TOLERANCE
        for a, b in zip(mine["segmentations"], theirs["segmentations"], strict=True):
            assert differing_pixels(a, b) <= MASK_PIXELS
