"""Times inference of a full-size model, stage by stage and end to end.

    python -m benchmarks.inference [--config cmasktrack_rcnn_r50_ovis] [--detections 100]
        [--image-scale 640 360] [--frames 24] [--window 5] [--dtype float32]
        [--matmul-precision highest] [--seconds 2]

End to end means: JPEG frames of 1280x720 on disk → decoding → tracks with masks in run lengths of
the original size. If PyTorch is installed, a CMaskTrack R-CNN in eager PyTorch is timed beside ours
on the same kind of device; it computes no references beyond the ends of the clip, which ours
computes and weighs with 0. Weights are random; so that masks are pasted all the same, no score is
too low, and every frame has as many objects as the model can hold.
"""

from __future__ import annotations

import argparse
import importlib
import json
import pathlib
import tempfile
import time
from collections.abc import Callable

import cv2
import jax
import jax.numpy as jnp
import numpy as np
from ml_collections import ConfigDict

from benchmarks.alternatives.torch_process import in_own_process
from benchmarks.stages import stages_of_system
from ovis_jax.data.frame_files import read_frame
from ovis_jax.data.from_config import resizing
from ovis_jax.data.transforms import FrameGeometry, frame_geometry, transform_image
from ovis_jax.identities import sized_without_annotations
from ovis_jax.inference.collect import HostThread, VideoTracks
from ovis_jax.inference.stream import ChunkOutput, VideoStream
from ovis_jax.inference.window import frame_shapes
from ovis_jax.models.build import build_system, init_variables
from ovis_jax.program.compilation import PRECISIONS
from ovis_jax.program.start import start
from ovis_jax.structures import FrameOutput, Window
from ovis_jax.tracking.paste import MaskRule

SIZE = (1280, 720)
DEFAULT_CONFIG = "cmasktrack_rcnn_r50_ovis"
REST, WHOLE, HOST = "all else", "whole frame", "masks on the host"


def main() -> None:
    """Prints one row for each model."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--config", default=DEFAULT_CONFIG, help="name of a file in configs/")
    parser.add_argument("--detections", type=int, help="objects of a frame")
    parser.add_argument("--frames", type=int, default=24, help="of the clip, end to end")
    parser.add_argument("--window", type=int, help="reference frames on either side")
    parser.add_argument(
        "--image-scale", type=int, nargs=2, metavar=("LONGER", "SHORTER"), help="of resized frames"
    )
    parser.add_argument("--dtype", choices=("float32", "bfloat16"), default="float32")
    parser.add_argument(
        "--matmul-precision", choices=PRECISIONS, default="highest", help="of float32 products"
    )
    parser.add_argument("--seconds", type=float, default=2.0, help="spent on each stage")
    parser.add_argument("--chunk", type=int, default=4, help="frames encoded together")
    parser.add_argument("--output", type=pathlib.Path, help="file for the numbers, JSON")
    parser.add_argument("--skip-torch", action="store_true")
    options = parser.parse_args()
    start(options.matmul_precision)
    found = {}
    with tempfile.TemporaryDirectory() as folder:
        clip = write_clip(pathlib.Path(folder), options.frames)
        print(f"ours, {options.dtype}, on {jax.devices()[0].device_kind}", flush=True)
        found["ours"] = time_ours(options, clip)
        report(found["ours"])
        if not options.skip_torch and options.config == DEFAULT_CONFIG:
            found["torch"] = in_own_process(time_torch, options, clip)
    if found.get("torch"):
        report(found["torch"])
        ratio = found["ours"]["frames/s"] / found["torch"]["frames/s"]
        print(f"end to end, ours does {ratio:.2f} times the frames of PyTorch")
    if options.output:
        options.output.write_text(json.dumps(found, indent=1) + "\n")


def write_clip(folder: pathlib.Path, length: int) -> list[pathlib.Path]:
    """JPEG frames of drifting texture."""
    random = np.random.default_rng(0)
    texture = cv2.resize(
        random.integers(0, 255, (100, 200, 3), np.uint8), (2 * SIZE[0], 2 * SIZE[1])
    )
    paths = []
    for number in range(length):
        y, x = 5 * number % SIZE[1], 9 * number % SIZE[0]
        paths.append(folder / f"{number:05d}.jpg")
        cv2.imwrite(str(paths[-1]), texture[y : y + SIZE[1], x : x + SIZE[0]])
    return paths


def report(found: dict[str, float]) -> None:
    """One line for each number."""
    for name, value in found.items():
        unit = "" if name == "frames/s" else " ms"
        print(f"  {name:24s} {value:10.2f}{unit}", flush=True)


def best_time(function: Callable[[], object], seconds: float) -> float:
    """Least milliseconds of a call that waits for its result; the first call is not counted."""
    function()
    times, end = [], time.perf_counter() + seconds
    while not times or time.perf_counter() < end:
        start = time.perf_counter()
        function()
        times.append(time.perf_counter() - start)
    return 1e3 * min(times)


def time_ours(options: argparse.Namespace, clip: list[pathlib.Path]) -> dict[str, float]:
    """Milliseconds of every stage for one frame, and frames per second end to end."""
    config = configuration(options)
    benchmark = stages_of_system(config.model.system)
    benchmark.keep_all_detections(config.model)
    system = build_system(config)
    variables = benchmark.with_objects(init_variables(system, jax.random.key(0)))
    geometry = frame_geometry(*SIZE, resizing(config.data))

    def canvases():
        for path in clip:
            yield transform_image(read_frame(path, *SIZE), geometry, flip=False)

    found = stages_of_ours(config, system, variables, next(canvases()), geometry, options)
    stream = VideoStream(system, variables, chunk=options.chunk, tracks=config.capacity.tracks)

    def end_to_end():
        tracks = VideoTracks(*SIZE, geometry.scale, system.mask_rule)
        with HostThread() as host:
            for chunk in stream(canvases(), geometry.image_size, geometry.scale):
                host.submit(tracks.add, chunk)
        return jax.device_get(chunk.frames)

    last = end_to_end()  # compiles
    start = time.perf_counter()
    end_to_end()
    seconds = time.perf_counter() - start
    frames = int(last.valid.any(axis=1).sum())
    rule = system.mask_rule
    paste = best_time(lambda: masks_of_chunk(last, geometry, rule), options.seconds)
    return found | {HOST: paste / max(frames, 1), "frames/s": len(clip) / seconds}


def masks_of_chunk(frames: FrameOutput, geometry: FrameGeometry, rule: MaskRule) -> None:
    """What the host does with the outputs of a chunk."""
    stop = len(frames.valid)
    VideoTracks(*SIZE, geometry.scale, rule).add(ChunkOutput(0, stop, frames))


def configuration(options: argparse.Namespace) -> ConfigDict:
    """The configuration to time, as the options want it."""
    config = importlib.import_module(f"configs.{options.config}").get_config().unlock()
    config.model.dtype = options.dtype
    if options.image_scale is not None:
        config.data.image_scale = tuple(options.image_scale)
    if options.window is not None:
        config.predict.reference_window = options.window
    if options.detections is not None:
        config.capacity.detections = options.detections
    return sized_without_annotations(config)


def stages_of_ours(config, system, variables, canvas, geometry, options) -> dict[str, float]:
    """Milliseconds of each stage for one frame.

    `benchmarks.stages.NAME.stages` has those inside `step` of one kind of system. It gets the
    system; `stage`, which makes a call that waits for its results from a method of the system and
    its arguments; and a window of equal frames that all exist.
    """

    def stage(method, *arguments):
        program = jax.jit(lambda v, *a: system.apply(v, *a, method=method))
        arguments = jax.device_put(arguments)
        return lambda: jax.block_until_ready(program(variables, *arguments))

    size = np.array(geometry.image_size, np.float32)
    frames, sizes = (np.stack([x] * options.chunk) for x in (canvas, size))
    encode = stage("encode", frames, sizes)
    encoded = encode()
    count = system.window_before + 1 + system.window_after
    window = Window(
        features=jax.tree.map(lambda x: jnp.repeat(x[:1], count, axis=0), encoded),
        valid=np.ones(count, bool),
        image_size=size,
        scale=np.float32(geometry.scale),
    )
    sizes = config.capacity.tracks, frame_shapes(encoded)
    step = stage("step", system.apply(variables, *sizes, method="init_memory"), window)
    parts = stages_of_system(config.model.system).stages(system, stage, window)
    return stage_times(encode, parts, step, options)


def stage_times(encode: Callable, parts: dict[str, Callable], step: Callable, options):
    """Milliseconds for one frame: of `encode`, of the parts of `step`, of its rest, of it all."""
    encoding = best_time(encode, options.seconds) / options.chunk
    inner = {part: best_time(call, options.seconds) for part, call in parts.items()}
    whole = best_time(step, options.seconds)
    others = {REST: whole - sum(inner.values()), WHOLE: whole + encoding}
    return {"encode": encoding} | inner | others


def time_torch(options: argparse.Namespace, clip: list[pathlib.Path]) -> dict[str, float]:
    """As `time_ours`, for the model of `benchmarks.alternatives.torch_inference`."""
    from benchmarks.alternatives.torch_inference import TorchInference

    rival = TorchInference(configuration(options), SIZE, options.dtype, options.matmul_precision)
    print(rival.place)
    times = stage_times(*rival.stages(clip[0], options.chunk), options)
    rival.track(clip)  # as ours, a first time that does not count
    start = time.perf_counter()
    rival.track(clip)
    return times | {"frames/s": len(clip) / (time.perf_counter() - start)}


if __name__ == "__main__":
    main()
