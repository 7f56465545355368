"""The published VidEoMT with generated weights, and the recorded set it is laid beside.

All sizes, thresholds and counts come from the records: any set of the same layout can be judged.
"""

import functools

import jax
import numpy as np
from golden.generated_weights import checked_tensors
from golden_folder import golden_arrays, golden_json
from ml_collections import ConfigDict

from configs import videomt_vitl_ovis
from ovis_jax.configs.parts.videomt import dinov3
from ovis_jax.models.build import build_system, init_variables
from ovis_jax.weights.maps import videomt, videomt_transformers
from ovis_jax.weights.rules import apply_rules, convert_state

MAP_TOLERANCE, SCORE_TOLERANCE, MASK_PIXELS = 1e-4, 1e-4, 3


def record(name: str, file: str = "native") -> np.ndarray:
    """A recorded array."""
    return golden_arrays("videomt", f"{file}.npz")[name]


def manifest() -> dict:
    """Seed, sizes and the layout of the arrays."""
    return golden_json("videomt", "manifest.json")


def settings() -> dict:
    """Sizes of the clip, of the frames and of the model."""
    return manifest()["config"]


def videos() -> dict[int, list[str]]:
    """Names of the frames of both videos, "v0_t0" and so on, in the order of the inputs."""
    names = sorted({name.split("/")[0] for name in golden_arrays("videomt", "native.npz")})
    frames = [name for name in names if "_t" in name]
    return {v: [name for name in frames if name.startswith(f"v{v}_")] for v in (0, 1)}


def layout(file: str, name: str) -> tuple[list[int], int]:
    """Shape of the whole array, and of how many numbers one is recorded."""
    entry = manifest()["files"][f"{file}.npz"][name]
    stride = int(entry[2][len("flat[::") : -1]) if len(entry) > 2 else 1
    return entry[0], stride


def assert_recorded(ours, name: str, file: str = "native", tolerance: float = MAP_TOLERANCE):
    """Compares an array, in the layout of the records, by the largest value."""
    shape, stride = layout(file, name)
    ours = np.asarray(ours)
    assert list(ours.shape) == list(shape), (name, ours.shape, shape)
    assert_close(ours.reshape(-1)[::stride], record(name, file), tolerance, name)


def assert_close(ours, theirs, tolerance: float = MAP_TOLERANCE, name: str = ""):
    """Compares numbers by the largest of them."""
    ours, theirs = np.asarray(ours).reshape(-1), np.asarray(theirs).reshape(-1)
    assert ours.shape == theirs.shape, (name, ours.shape, theirs.shape)
    largest = np.abs(theirs).max()
    np.testing.assert_allclose(ours, theirs, rtol=0, atol=tolerance * largest, err_msg=name)


def config_of(sizes: dict) -> ConfigDict:
    """The published configuration with recorded sizes."""
    config = videomt_vitl_ovis.get_config().unlock()
    model = config.model
    model.num_classes = sizes["num_labels"]
    model.encoder.update(
        width=sizes["hidden_size"],
        depth=sizes["num_hidden_layers"],
        heads=sizes["num_attention_heads"],
        query_blocks=sizes["num_blocks"],
        patch=sizes["patch_size"],
        registers=sizes["num_register_tokens"],
        table_side=sizes["image_size"] // sizes["patch_size"],
        norm_epsilon=sizes["layer_norm_eps"],
    )
    model.head.update(num_queries=sizes["num_queries"], doublings=sizes["num_upscale_blocks"])
    return config


@functools.cache
def published(kind: str = "", **model):
    """The system and its variables.

    Args:
      kind: "" for the records of both paths, "vits" or "dinov3" for others.
      **model: options of `config.model`.
    """
    if kind == "vits":
        config = config_of(golden_json("videomt", "vits.json")["config"])
        state = transformers_state("vits.json")
    else:
        config, state = config_of(settings()["model"]), transformers_state("params.json")
    config.model.update(model)
    if kind == "dinov3":
        dinov3(config)
        own = golden_json("videomt", "variants.json")
        config.model.encoder.heads = own["dinov3"]["heads"]
        config.model.encoder.norm_epsilon = own["dinov3"]["layer_norm_eps"]
        state = dinov3_state()
    system = build_system(config)
    template = jax.eval_shape(lambda key: init_variables(system, key), jax.random.key(0))
    if kind == "dinov3":
        converted = convert_state(state, videomt.name_map(config.model), template, "generated")
        return system, converted.complete(template)
    rules = videomt_transformers.rules(config.model)
    return system, apply_rules(without_mask_token(state), rules, template, "generated")


def transformers_state(file: str) -> dict[str, np.ndarray]:
    """Tensors by the names of transformers."""
    seed = golden_json("videomt", "params.json")["seed"]
    return checked_tensors(golden_json("videomt", file)["params"], seed)


def dinov3_state() -> dict[str, np.ndarray]:
    """Tensors of the DINOv3 variant by the authors' names."""
    keys = ("name", "shape", "scale", "offset", "crc32")
    entries = [
        dict(zip(keys, entry, strict=True)) | {"abs": False}
        for entry in golden_json("videomt", "variants.json")["params"]
    ]
    return checked_tensors(entries, golden_json("videomt", "params.json")["seed"])


def without_mask_token(state: dict) -> dict:
    """All but the tensor that nothing reads."""
    return {name: x for name, x in state.items() if name != "embeddings.mask_token"}


def canvases() -> np.ndarray:
    """Resized frames of both videos on their canvas, [F, H, W, 3] uint8."""
    frames = record("resized_rgb", "inputs")
    multiple = settings()["div"]
    pads = [(0, -side % multiple) for side in frames.shape[1:3]]
    return np.pad(frames, [(0, 0), *pads, (0, 0)])


def resized_size() -> np.ndarray:
    """(height, width) of the resized frames."""
    return np.array(record("resized_rgb", "inputs").shape[1:3])


def apply(system, variables, method, *arguments):
    """Compiles and runs a function of the bound system, or the name of a method of it."""
    run = jax.jit(lambda v, *a: system.apply(v, *a, method=method))
    return jax.device_get(run(variables, *arguments))
