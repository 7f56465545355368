"""Every array of a frame, from patches to logits, on both published paths and their variants."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from golden.videomt.videomt_model import (
    MAP_TOLERANCE,
    apply,
    assert_close,
    assert_recorded,
    canvases,
    manifest,
    published,
    record,
    resized_size,
    videos,
)
from golden_folder import golden_arrays, golden_json
from PIL import Image

from ovis_jax.ops.attention import patch_rotation
from ovis_jax.ops.normalise import normalise_frames

VARIANTS = {
    "dinov2_norm1": ("", {"normed_queries": True}),
    "dinov3_norm0": ("dinov3", {}),
    "dinov3_norm1": ("dinov3", {"normed_queries": True}),
}


def frame_arrays(system, frames, image_size):
    """Arrays of consecutive frames [F, H, W, 3] of one video, the frames in the first axis."""
    encoder, head = system.encoder, system.head
    x = normalise_frames(frames, image_size, system.pixel_mean, system.pixel_std)
    grid = encoder.grid(x)
    patches = encoder.patch_embedding(x)
    tokens = encoder.embed(x)
    arrays = {
        "pixel_values": jnp.moveaxis(x, -1, 1),
        "patch_embeddings": patches.reshape(len(x), -1, encoder.width),
        "embeddings": tokens,
    }
    for number in range(encoder.depth - encoder.query_blocks):
        tokens = encoder.block(number, tokens, grid)
        arrays[f"block{number}"] = tokens

    def frame(queries, tokens):
        rows, found = with_queries(system, tokens, queries, grid)
        following = head.next(rows)
        return following, found | {"query_in": queries, "query_next": following}

    return arrays | jax.lax.scan(frame, head.first(), tokens)[1]


def by_frame(arrays):
    """Arrays with the frames in the first axis as a dictionary for each frame."""
    count = len(arrays["embeddings"])
    return [{name: x[i] for name, x in arrays.items()} for i in range(count)]


def with_queries(system, tokens, queries, grid):
    """What is handed on, and the arrays of the last blocks of one frame."""
    encoder, head, count = system.encoder, system.head, len(queries)
    arrays = {}
    tokens = jnp.concatenate([queries, tokens])[None]
    for number in range(encoder.depth - encoder.query_blocks, encoder.depth):
        tokens = encoder.block(number, tokens, grid)
        arrays[f"block{number}"] = tokens[0]
    normed = encoder.norm(tokens)
    patches = normed[:, -grid[0] * grid[1] :].reshape(1, *grid, -1)
    said = head(normed[:, :count], patches)
    features = jnp.moveaxis(head.upscale(patches)[0], -1, 0)
    arrays |= {
        "query_out": tokens[0, :count],
        "sequence_output": normed[0],
        "mask_queries": head.embed(normed[0, :count]),
        "mask_features": features,
        "class_logits": said.class_logits[0],
        "mask_logits": said.mask_logits[0],
    }
    return (normed if system.normed_queries else tokens)[0, :count], arrays


@functools.cache
def native_arrays(kind="", first=None, **model):
    """Arrays of the authors' path by the names of frames."""
    system, variables = published(kind, **dict(model))
    start, found = 0, {}
    for names in videos().values():
        own = slice(start, start + len(names[:first]))
        frames = canvases()[own]
        sizes = np.tile(resized_size(), (len(frames), 1))
        arrays = apply(system, variables, frame_arrays, frames, sizes)
        found |= dict(zip(names, by_frame(arrays), strict=False))
        start += len(names)
        if first is not None:
            break
    return found


@functools.cache
def square_arrays():
    """Arrays of the path of transformers by the names of frames."""
    system, variables = published()
    start, found = 0, {}
    for names in videos().values():
        frames = record("square_rgb", "inputs")[start : start + len(names)]
        sizes = np.tile(frames.shape[1:3], (len(frames), 1))
        arrays = apply(system, variables, frame_arrays, frames, sizes)
        found |= dict(zip(names, by_frame(arrays), strict=True))
        start += len(names)
    return found


@pytest.mark.parametrize("file", ["native", "hf"])
def test_arrays_of_every_frame(file):
    ours = {"native": native_arrays, "hf": square_arrays}[file]()
    table = published()[1]["params"]["head"]["queries"]
    compared = 0
    for name in golden_arrays("videomt", f"{file}.npz"):
        frame, _, array = name.rpartition("/")
        if frame not in ours:
            continue  # of a whole video
        array = {"net_input": "pixel_values"}.get(array, array)
        if array == "query_update":
            own = ours[frame]["query_in"] - table
        else:
            own = ours[frame][array]
        assert_recorded(own, name, file)
        compared += 1
    assert compared > 10 * len(ours)


@pytest.mark.parametrize("variant", VARIANTS)
def test_variants_of_encoder_and_handing_on(variant):
    files = golden_json("videomt", "variants.json")["files"]
    kind, model = VARIANTS[variant]
    names = [name for name in files if name.startswith(variant + "/")]
    frames = sorted({name.split("/")[1] for name in names})
    ours = native_arrays(kind, len(frames), **model)
    assert names
    for name in names:
        _, frame, array = name.split("/")
        own = ours[f"v0_{frame}"][array]
        shape, _, *stride = files[name]
        assert list(own.shape) == shape
        step = int(stride[0][len("flat[::") : -1]) if stride else 1
        assert_close(own.reshape(-1)[::step], record(name, "variants"), name=name)


def test_rotary_positions():
    cos, sin = (record(f"dinov3/rope_{name}", "variants") for name in ("cos", "sin"))
    rotation = patch_rotation(*manifest()["info"]["grid"], cos.shape[1])
    assert_close(rotation.cos, cos, 1e-6)
    assert_close(rotation.sin, sin, 1e-6)


def test_tokens_without_a_table_of_positions():
    shape, _, stride = golden_json("videomt", "variants.json")["files"]["dinov3/embeddings_t0"]
    own = native_arrays("dinov3", 3)["v0_t0"]["embeddings"]
    assert list(own.shape) == shape
    step = int(stride[len("flat[::") : -1])
    assert_close(own.reshape(-1)[::step], record("dinov3/embeddings_t0", "variants"))


def test_positions_on_the_grid_of_the_canvas():
    system, variables = published()
    grid = tuple(manifest()["info"]["grid"])
    own = apply(system, variables, lambda s: s.encoder.positions_on(grid))
    assert_close(own, record("pos_embed_resampled"), 1e-6)


@pytest.mark.exhaustive
def test_the_small_one_at_full_size():
    recorded = golden_json("videomt", "vits.json")
    system, variables = published("vits")
    side = recorded["config"]["image_size"]
    clip = record("clip_rgb", "inputs")[recorded["frames"]]
    frames = np.stack([squeezed(frame, side) for frame in clip])
    found = apply(system, variables, frame_arrays, frames, np.full((len(frames), 2), side))
    assert_sampled(found["pixel_values"], "pixel_values", 1e-6)
    for i, own in enumerate(by_frame(found)):
        for name in recorded["files"]:
            frame, _, array = name.rpartition("/")
            if frame == f"t{i}":
                assert_sampled(own[array], name)


def assert_sampled(ours, name, tolerance=MAP_TOLERANCE):
    shape, _, *stride = golden_json("videomt", "vits.json")["files"][name]
    assert list(ours.shape) == list(shape)
    step = int(stride[0][len("flat[::") : -1])
    assert_close(ours.reshape(-1)[::step], record(name, "vits"), tolerance, name)


def squeezed(frame, side):
    """A frame resized to a square by Pillow, antialiased."""
    square = Image.fromarray(frame).resize((side, side), Image.Resampling.BILINEAR)
    return np.asarray(square)
