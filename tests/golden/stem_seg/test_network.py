"""Every array of the network, from original frames to what is said of the pixels of clips."""

import functools

import jax
import numpy as np
import pytest
from golden.stem_seg.stem_seg_model import (
    assert_recorded,
    clip_frames,
    network_input,
    published_stem_seg,
    pyramids,
    videos,
)

from ovis_jax.models.squeeze_expand import SqueezeConv, SqueezeExpand
from ovis_jax.ops.resize import resize_trilinear

pytestmark = pytest.mark.exhaustive
PARTS = {"embedding": "emb", "semantic": "sem"}
# Theirs and ours; the output of a level before it is joined, and of joining.
BLOCKS = {32: "block32_2", 16: "block16_1", 8: "block8_0", 4: "block4_0"}


def test_pyramids_of_every_frame():
    for video, original in enumerate(videos()):
        frames, (stages, levels) = network_input(original), pyramids()[video]
        for t, frame in enumerate(frames):
            name = f"v{video}_t{t}"
            assert_recorded(frame[..., ::-1], f"{name}/net_input", "frames")
            for i, (stage, level) in enumerate(zip(stages, levels, strict=True), start=2):
                assert_recorded(stage[t], f"{name}/c{i}", "frames")
                assert_recorded(level[t], f"{name}/p{i}", "frames")


def kept(module, method):
    parts = (SqueezeConv, SqueezeExpand)
    return isinstance(module, parts) or "join" in (module.name or "") or module.name == "embedding"


@functools.cache
def decoder():
    """A program from a pyramid to what is said, and to the arrays on the way."""
    system, variables = published_stem_seg()
    run = functools.partial(
        system.apply, method="decode", capture_intermediates=kept, mutable="intermediates"
    )
    return lambda pyramid: jax.device_get(jax.jit(run)(variables, pyramid))


@pytest.mark.parametrize("video", [0, 1])
def test_maps_of_every_clip(video):
    run = decoder()
    for number, frames in enumerate(clip_frames(video)):
        pyramid = tuple(x[frames][None] for x in pyramids()[video][1])
        (pixels, logits), found = run(pyramid)
        name = f"v{video}_c{number}"
        pixels, logits = jax.tree.map(lambda x: x[0], (pixels, logits))
        output = (pixels.embeddings, pixels.variances, pixels.seediness[..., None])
        assert_recorded(np.concatenate(output, axis=-1), f"{name}/emb/output", "clips")
        output = (logits.classes, logits.foreground[..., None])
        assert_recorded(np.concatenate(output, axis=-1), f"{name}/sem/logits", "clips")
        assert_recorded(logits.foreground, f"{name}/sem/fg_logits", "clips", maps=False)
        for part, short in PARTS.items():
            assert_decoder(found["intermediates"][part]["decoder"], f"{name}/{short}")
        (raw,) = found["intermediates"]["embedding"]["embedding"]["__call__"]
        assert_recorded(raw[0], f"{name}/emb/conv_embedding", "clips")


def assert_decoder(found, name):
    levels = {s: found[block]["__call__"][0][0] for s, block in BLOCKS.items()}
    joined = {s: found[f"join{s}"]["__call__"][0][0] for s in (16, 8, 4)} | {32: levels[32]}
    for stride in BLOCKS:
        assert_recorded(levels[stride], f"{name}/block_{stride}x", "clips")
    for stride in (16, 8, 4):
        assert_recorded(joined[stride], f"{name}/conv_{stride}", "clips")
        if name.endswith("emb"):
            enlarged = resize_trilinear(joined[2 * stride], *levels[stride].shape[:3])
            assert_recorded(enlarged, f"{name}/up_{stride}", "clips")
