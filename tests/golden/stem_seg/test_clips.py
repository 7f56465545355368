"""Clusters, identities and results of whole videos, from what was recorded of the pixels of clips.

Runs no network: what it gives is compared in `test_network`.
"""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from golden.comparison import differing_pixels
from golden.stem_seg.stem_seg_model import (
    clip_frames,
    config,
    geometry,
    record,
    settings,
    tracked,
    videos,
)
from golden_folder import golden_json

from ovis_jax.formats import rle
from ovis_jax.inference.collect import VideoTracks
from ovis_jax.inference.stream import VideoStream
from ovis_jax.models.build import build_system
from ovis_jax.models.clip_pixels import cluster_clip
from ovis_jax.models.heads.cluster_embedding import PixelEmbeddings
from ovis_jax.models.heads.semantic import SemanticLogits
from ovis_jax.models.systems.stem_seg import StemSeg
from ovis_jax.ops.clustering import OUTLIER
from ovis_jax.tracking.longest_tracks import longest_tracks
from ovis_jax.tracking.stitch import ClipIdentities, StitchRules, stitch

PIXELS = {"quarter": 3, "full": 30}  # that may differ in a clip
MASK_PIXELS, SCORE_TOLERANCE, LOGIT_TOLERANCE = 10, 1e-3, 1e-4
SMALL_CAP = 3


def at_full_size(*values):
    """Takes longer."""
    return pytest.param(*values, marks=pytest.mark.exhaustive)


QUARTER = [("quarter", 0), ("quarter", 1)]
every_clip = pytest.mark.parametrize("variant, video", [*QUARTER, ("full", 0), ("full", 1)])
every_video = pytest.mark.parametrize(
    "variant, video", [*QUARTER, at_full_size("full", 0), at_full_size("full", 1)]
)


def pixels_of(video: int, number: int) -> PixelEmbeddings:
    own = np.moveaxis(record(f"v{video}_c{number}/emb/output", "clips"), 0, -1)
    return PixelEmbeddings(own[..., :-3], own[..., -3:-1], own[..., -1])


class RecordedStemSeg(StemSeg):
    """A system that is told what was recorded of both videos.

    Its frames are numbers, those of the second video after those of the first. Of classes the means
    over clips were recorded alone: as if all clips said the same.
    """

    def encode(self, frames, image_size):
        del image_size
        return (frames,)

    def decode(self, pyramid):
        last, said = [], []
        for video in (0, 1):
            means = np.moveaxis(record(f"v{video}/semantic_mean_logits", "clips"), 1, -1)
            for number, frames in enumerate(clip_frames(video)):
                foreground = record(f"v{video}_c{number}/sem/fg_logits", "clips")
                logits = SemanticLogits(means[frames], foreground)
                said.append((pixels_of(video, number), logits))
                last.append(first_number(video) + frames[-1])
        own = jnp.argmax(jnp.array(last) == pyramid[0][0, -1, 0, 0, 0])
        return jax.tree.map(lambda *x: jnp.asarray(np.stack(x))[own][None], *said)


def first_number(video: int) -> int:
    return len(videos()[0]) if video else 0


@functools.cache
def recorded_stream(variant: str) -> tuple[RecordedStemSeg, VideoStream]:
    """Compiled once for both videos."""
    own = build_system(config(variant))
    names = (x for x in StemSeg.__dataclass_fields__ if x.islower() and x not in ("parent", "name"))
    system = RecordedStemSeg(**{name: getattr(own, name) for name in names})
    return system, VideoStream(system, {}, chunk=5, tracks=1)


@functools.cache
def streamed(variant: str, video: int):
    """The tracks of a video before any is dropped, and the identities of all pixels."""
    system, stream = recorded_stream(variant)
    frames = videos()[video]
    grid = record(f"v{video}_c0/emb/output", "clips").shape[2:]
    numbers = first_number(video) + np.arange(len(frames))
    numbers = [np.full((*grid, 1), t, np.int32) for t in numbers]
    laid = geometry()
    tracks = VideoTracks(*frames.shape[2:0:-1], laid.scale, system.mask_rule)
    identities = []
    for chunk in stream(numbers, laid.image_size, laid.scale):
        tracks.add(chunk)
        found = jax.device_get(chunk.frames)
        inside = (found.mask_logits > 0) & found.valid[..., None, None]
        own = (inside * found.ids[..., None, None]).max(axis=1)
        identities += list(own[max(-chunk.first_frame, 0) : chunk.stop_frame - chunk.first_frame])
    return tracks.tracklets, np.stack(identities)


def clip_labels(variant: str, video: int, number: int) -> np.ndarray:
    return record(f"v{video}_c{number}/labels", f"cluster_{variant}").astype(int)


def mean_foreground(video: int) -> np.ndarray:
    """Logits [T, h, w] of the frames of a video, means over the clips that show them."""
    shown = np.concatenate(clip_frames(video))
    said = [record(f"v{video}_c{c}/sem/fg_logits", "clips") for c in range(len(clip_frames(video)))]
    said = np.concatenate(said)
    return np.stack([said[shown == t].mean(axis=0) for t in range(shown.max() + 1)])


@every_clip
def test_clusters_of_every_clip(variant, video):
    """Seed by seed, from the recorded foreground."""
    system = build_system(config(variant))
    logits = mean_foreground(video)
    packed = record(f"v{video}/foreground_packed", f"cluster_{variant}")
    if system.enlarged == 1:
        inside = np.unpackbits(packed, axis=-1).astype(bool)
        np.testing.assert_array_equal(logits > 0, inside)
    program = jax.jit(
        functools.partial(cluster_clip, rules=system.clustering, enlarged=system.enlarged)
    )
    for number, frames in enumerate(clip_frames(video)):
        want = clip_labels(variant, video, number)
        counted = np.append(np.diff(frames) != 0, True)
        found = program(pixels_of(video, number), logits[frames], counted)
        found = np.asarray(found, int)[counted]
        start = tracked(variant, video)["clustering"][number]["label_start"]
        found = np.where(found >= 0, found + start, found)
        assert (found != want).sum() <= PIXELS[variant]
        assert set(np.unique(found)) == set(np.unique(want))


@every_video
def test_identities_of_all_pixels(variant, video):
    _, found = streamed(variant, video)
    want = record(f"v{video}/track_labels", f"cluster_{variant}")
    differ = np.where(want == OUTLIER, 0, np.maximum(want, 0)) != found
    assert differ.sum() <= PIXELS[variant] * len(clip_frames(video))


@every_clip
def test_stitching_of_every_seam(variant, video):
    clips = clip_frames(video)
    for number, seam in enumerate(tracked(variant, video)["stitching"], start=1):
        before, frames = clips[number - 1], clips[number]
        start = tracked(variant, video)["clustering"][number]["label_start"]
        known = record(f"v{video}/track_labels", f"cluster_{variant}")[frames].astype(int)
        own = clip_labels(variant, video, number) - start
        shared = np.isin(frames, before)
        after, ids = stitched(known, own, shared, start)
        pairs = [[int(ids[new - start]), new] for new in seam["new"] if ids[new - start] < start]
        assert sorted(pairs) == sorted(seam["pairs"])
        assert [x for x in seam["new"] if ids[x - start] == x] == seam["unmatched_new"]
        following = tracked(variant, video)["clustering"][number + 1 :]
        assert all(x["label_start"] >= after for x in following[:1])


@functools.cache
def _stitch(rules):
    return jax.jit(functools.partial(stitch, rules=rules))


def stitched(known, own, shared, start):
    """`next_id` after a seam, and the identities of the clip's clusters in its new frames."""
    clusters = np.full(known.shape, -1, np.int8)
    tables = np.zeros((len(shared), settings()["clustering"]["max_instances"]), np.int32)
    for t, frame in enumerate(known):
        visible = np.unique(frame[frame > 0]) if shared[t] else ()
        for slot, number in enumerate(visible):
            clusters[t][frame == number], tables[t, slot] = slot, number
    identities = ClipIdentities(jnp.asarray(clusters), jnp.asarray(tables), jnp.int32(start))
    run = _stitch(StitchRules())
    after = run(identities, jnp.int8(np.maximum(own, -1)), jnp.asarray(shared))
    return int(after.next_id), np.asarray(after.ids[-1])


@every_video
def test_tracks_that_are_kept_and_their_classes(variant, video):
    tracklets, _ = streamed(variant, video)
    want = tracked(variant, video)["tracks"]
    kept = longest_tracks(tracklets.tracks(), settings()["max_tracks"])
    assert len(kept) == len(want) == len(tracked(variant, video)["kept"])
    for track, own in zip(kept, want, strict=True):
        assert track.labels[0] + 1 == own["category_id"]
        np.testing.assert_allclose(track.scores, own["score"], atol=SCORE_TOLERANCE)


@every_video
def test_mean_logits_of_tracks(variant, video):
    tracks = streamed(variant, video)[0].tracks()
    counts = sorted(track.scores.sum() for track in tracks)
    kept = longest_tracks(tracks, settings()["max_tracks"])
    largest = max(own["pixels"] for own in tracked(variant, video)["tracks"])
    for track, own in zip(kept, tracked(variant, video)["tracks"], strict=True):
        pixels = min(counts, key=lambda x, score=track.scores[0]: abs(x - score * largest))
        moved = abs(pixels - own["pixels"])
        assert moved <= PIXELS[variant] * len(clip_frames(video))
        mean = track.class_scores.sum(axis=0) / pixels
        tolerance = (LOGIT_TOLERANCE + 2 * moved / pixels) * np.abs(own["mean_logits"]).max()
        np.testing.assert_allclose(mean, own["mean_logits"], rtol=0, atol=tolerance)


@pytest.mark.parametrize(
    "name, variant, cap",
    [
        ("quarter", "quarter", None),
        at_full_size("full", "full", None),
        ("quarter_cap3", "quarter", SMALL_CAP),
    ],
)
def test_results(name, variant, cap):
    cap = cap or settings()["max_tracks"]
    results = golden_json("stem_seg", f"results_{name}.json")
    for video in (0, 1):
        want = [own for own in results if own["video_id"] == video + 1]
        found = longest_tracks(streamed(variant, video)[0].tracks(), cap)
        for track, own in zip(found, want, strict=True):
            assert track.labels[0] + 1 == own["category_id"]
            np.testing.assert_allclose(track.scores[0], own["score"], atol=SCORE_TOLERANCE)
            ours = dict(zip(track.frames, track.rles, strict=True))
            for t, mask in enumerate(own["segmentations"]):
                differ = differing_pixels(ours[t], mask) if t in ours else rle.area([mask])[0]
                assert differ <= MASK_PIXELS
