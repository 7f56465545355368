"""Times VidEoMT beside that of transformers: the same weights, the same frames, the same outputs.

    pip install transformers==5.24.0 torch==2.14.1
    python -m benchmarks.videomt [--size small] [--frames 6] [--side 640] [--rounds 3]

transformers makes a model with random weights and saves it; ours imports the folder. Both run the
network on a square clip, from pixels to the logits of classes and masks of every frame, on the same
kind of device in float32; what is compared are these logits. The first run, which compiles, does
not count, and of the others the fastest does. transformers gets its frames normalised, ours as
bytes.
"""

from __future__ import annotations

import argparse
import pathlib
import tempfile
import time

import jax
import jax.numpy as jnp
import numpy as np
from ml_collections import ConfigDict

from benchmarks.alternatives.torch_process import in_own_process
from ovis_jax.configs.parts.videomt import videomt
from ovis_jax.models.build import build_system
from ovis_jax.predict import load_model
from ovis_jax.program.start import start
from ovis_jax.structures import Window
from ovis_jax.tools.import_weights import import_weights

SIZES = ("small", "base", "large")
CLOSE = 1e-3  # of the largest logit


def main() -> None:
    """Prints a row for each way."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--size", choices=SIZES, default="small", help="of the encoder")
    parser.add_argument("--frames", type=int, default=6, help="of the clip")
    parser.add_argument("--side", type=int, default=640, help="of a frame, in pixels")
    parser.add_argument("--rounds", type=int, default=3, help="the fastest one counts")
    parser.add_argument("--compile", action="store_true", help="time torch.compile, too")
    options = parser.parse_args()
    start("highest")
    config = square_config(options.size, options.side)
    clip = np.random.default_rng(0).integers(
        0, 256, (options.frames, options.side, options.side, 3), np.uint8
    )
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        sizes, classes = transformers_sizes(config), config.model.num_classes
        if in_own_process(save_model, folder / "theirs", sizes, classes) is None:
            return
        import_weights(folder / "theirs", "videomt_transformers", config, folder / "ours")
        seconds, ours = time_ours(config, folder / "ours", clip, options.rounds)
        print_row("ours", seconds, options.frames)
        for compiled in (False, True)[: 1 + options.compile]:
            seconds, *theirs = in_own_process(
                time_transformers, folder / "theirs", normalised(clip, config), options, compiled
            )
            differences = [relative_difference(a, b) for a, b in zip(ours, theirs, strict=True)]
            named = "transformers, torch.compile" if compiled else "transformers"
            print_row(named, seconds, options.frames, differences)
            if max(differences) > CLOSE:
                raise SystemExit(f"the outputs differ by {max(differences):.1e} of the largest")


def square_config(size: str, side: int) -> ConfigDict:
    """VidEoMT for OVIS that squeezes frames to squares, as transformers does."""
    config = videomt(size).unlock()
    config.data.image_scale = (side, side)
    config.data.resize.fit = "exact"
    config.model.encoder.table_side = side // config.model.encoder.patch
    return config.lock()


def transformers_sizes(config: ConfigDict) -> dict:
    """What transformers calls the sizes of a configuration."""
    encoder, head = config.model.encoder, config.model.head
    return dict(
        hidden_size=encoder.width,
        num_hidden_layers=encoder.depth,
        num_attention_heads=encoder.heads,
        image_size=encoder.table_side * encoder.patch,
        patch_size=encoder.patch,
        num_blocks=encoder.query_blocks,
        num_register_tokens=encoder.registers,
        num_upscale_blocks=head.doublings,
        num_queries=head.num_queries,
        layer_norm_eps=encoder.norm_epsilon,
    )


def time_ours(
    config: ConfigDict, checkpoint: pathlib.Path, clip: np.ndarray, rounds: int
) -> tuple[float, tuple[np.ndarray, np.ndarray]]:
    """Seconds a clip; class logits [T, Q, K + 1] and mask logits [T, Q, h, w]."""
    system, variables = build_system(config), load_model(config, checkpoint)[1]
    size = jnp.float32(clip.shape[1:3])

    @jax.jit
    def run(variables, clip):
        sizes = jnp.broadcast_to(size, (len(clip), 2))
        tokens = system.apply(variables, clip, sizes, method="encode")

        def step(memory, own):
            around = jax.tree.map(lambda x: x[None], own)
            window = Window(around, jnp.ones(1, bool), size, jnp.float32(1))
            memory, output = system.apply(variables, memory, window, method="step")
            return memory, (output.class_scores, output.mask_logits)

        first = system.apply(variables, 0, None, method="init_memory")
        return jax.lax.scan(step, first, tokens)[1]

    best = float("inf")
    for _ in range(1 + rounds):
        begun = time.perf_counter()
        logits = jax.device_get(run(variables, clip))
        best = min(best, time.perf_counter() - begun)
    return best, logits


def normalised(clip: np.ndarray, config: ConfigDict) -> np.ndarray:
    """Frames [T, H, W, 3] float32 as the network reads them."""
    mean, std = np.float32(config.data.mean), np.float32(config.data.std)
    return (clip - mean) / std


def save_model(folder: pathlib.Path, sizes: dict, num_classes: int) -> bool:
    """In a process with PyTorch; see `transformers_videomt`."""
    from benchmarks.alternatives.transformers_videomt import save_random_model

    save_random_model(folder, sizes, num_classes)
    return True


def time_transformers(
    folder: pathlib.Path, frames: np.ndarray, options: argparse.Namespace, compiled: bool
) -> tuple[float, np.ndarray, np.ndarray]:
    """In a process with PyTorch; see `transformers_videomt`."""
    from benchmarks.alternatives.transformers_videomt import run_model

    return run_model(folder, frames, options.rounds, compiled)


def relative_difference(ours: np.ndarray, theirs: np.ndarray) -> float:
    """Largest difference, relative to the largest number."""
    return float(np.abs(ours - theirs).max() / np.abs(theirs).max())


def print_row(name: str, seconds: float, frames: int, differences: tuple = ()) -> None:
    """Frames a second, and how much the logits of classes and masks differ from ours."""
    said = "".join(f"  {x:.1e}" for x in differences)
    print(f"{name:<30} {frames / seconds:8.2f} frames/s {seconds:8.2f} s a clip{said}", flush=True)


if __name__ == "__main__":
    main()
