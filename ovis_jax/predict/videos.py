"""Prediction: the frames of every video of an annotation file → results.json and overlays."""

import collections
import concurrent.futures
import dataclasses
import functools
import pathlib
from collections.abc import Iterable, Iterator, Sequence

import jax
import numpy as np
from absl import logging
from flax import linen as nn
from ml_collections import ConfigDict
from tqdm import tqdm

from ovis_jax.classes import UNKNOWN_CLASSES, ModelClasses
from ovis_jax.data.from_config import annotation_options, resizing
from ovis_jax.data.transforms import FrameGeometry
from ovis_jax.data.truth import Truth, VideoTruth
from ovis_jax.data.video_frames import VideoFrames
from ovis_jax.formats.annotation_records import Video
from ovis_jax.formats.annotations import Annotations
from ovis_jax.formats.results import write_results
from ovis_jax.inference.collect import HostThread, VideoTracks
from ovis_jax.inference.stream import VideoStream
from ovis_jax.models.oracles import IMAGE, oracle_of
from ovis_jax.program import cluster
from ovis_jax.tracking.paste import MaskRule


@dataclasses.dataclass(frozen=True)
class Prediction:
    """What was found in the videos of an annotation file.

    Attributes:
      records: of results.json.
      lost_objects: candidates that did not fit a capacity, counted in every frame.
    """

    records: list[dict]
    lost_objects: int


def predict(
    system: nn.Module,
    variables: dict,
    annotations: Annotations,
    config: ConfigDict,
    output: pathlib.Path | str | None,
    classes: ModelClasses = UNKNOWN_CLASSES,
) -> Prediction:
    """Tracks the objects of every video and writes them.

    Every device of every process takes one video after the other. While a device works on one
    chunk of frames, threads decode the next frames and paste the masks of the last ones.

    Args:
      system: the system of `config.model`.
      variables: its variables.
      annotations: the videos; ground truth is read for an oracle of the system alone.
      config: `data.eval_images`, frame sizes, `capacity.tracks` and `predict.chunk` are used.
      output: path of results.json; written as a whole at the end, by the first process. None: no
        file.
      classes: what the model's labels mean.

    Returns:
      The records and what was lost, of all processes in every process.

    Raises:
      InputError: frames are missing or damaged, the categories are not those of the model, or an
        oracle has no ground truth.
    """
    category_ids = classes.ids_in(annotations, annotations.path, config.model.num_classes)
    annotations.check_frames(config.data.eval_images)
    truth = _truth(annotations, category_ids, config) if oracle_of(system) else None
    videos = cluster.own_share(annotations.videos)
    tracks = track_videos(system, variables, videos, config, truth)
    shares = [
        {
            "records": own.tracklets.records(
                video.id, video.length, category_ids, system.track_rule
            ),
            "lost": own.overflow,
        }
        for video, own in zip(videos, tracks, strict=True)
    ]
    shares = cluster.gather_shares(shares)
    found = Prediction(
        records=[record for share in shares for record in share["records"]],
        lost_objects=sum(share["lost"] for share in shares),
    )
    if cluster.is_first():
        if output is not None:
            write_results(output, found.records)
        num_frames = sum(video.length for video in annotations.videos)
        report(num_frames, len(found.records), found.lost_objects)
    return found


def _truth(annotations: Annotations, category_ids: Sequence[int], config: ConfigDict) -> Truth:
    return Truth(
        annotations,
        category_ids,
        annotation_options(config.data),
        logging.warning,
        inclusive_boxes=config.data.inclusive_boxes,
    )


def track_videos(
    system: nn.Module,
    variables: dict,
    videos: Sequence[Video],
    config: ConfigDict,
    truth: Truth | None = None,
) -> list[VideoTracks]:
    """The tracks of each video; every device of this process takes one video after the other.

    `truth` is for an oracle of the system.
    """
    stream, devices = make_stream(system, variables, config), jax.local_devices()
    resized = resizing(config.data)
    waiting, found = collections.deque(enumerate(videos)), {}

    def work(stream: VideoStream) -> None:
        with HostThread() as host:
            for number, video in iter(functools.partial(_next, waiting), None):
                frames = VideoFrames(config.data.eval_images, video, resized)
                geometry = frames.geometry
                own = None if truth is None else truth.of(video, geometry)
                rule = mask_rule(system, own)
                tracks = VideoTracks(video.width, video.height, geometry.scale, rule)
                run_video(stream, counted(frames, progress), geometry, tracks, host, own)
                host.submit(found.__setitem__, number, tracks)

    num_frames = sum(video.length for video in videos)
    shown = cluster.is_first()
    with (
        tqdm(total=num_frames, unit="frame", desc="predict", disable=not shown) as progress,
        concurrent.futures.ThreadPoolExecutor(len(devices)) as pool,
    ):
        streams = [stream.on(device) for device in devices] if len(devices) > 1 else [stream]
        for worker in concurrent.futures.as_completed([pool.submit(work, s) for s in streams]):
            if worker.exception() is not None:
                waiting.clear()  # so that the other workers end, too
            worker.result()
    return [found[number] for number in range(len(videos))]


def mask_rule(system: nn.Module, truth: VideoTruth | None) -> MaskRule:
    """How masks are made: as the system says; those of the image oracle are the annotated ones."""
    if truth is None or oracle_of(system) != IMAGE:
        return system.mask_rule
    return lambda objects, frame: [truth.rle(frame.number, i) for i in objects.source.tolist()]


def _next(waiting: collections.deque):
    """Takes the next item, in any thread; None if there is none."""
    try:
        return waiting.popleft()
    except IndexError:
        return None


def make_stream(system: nn.Module, variables: dict, config: ConfigDict) -> VideoStream:
    """The stream of `config.predict` and `config.capacity`."""
    return VideoStream(system, variables, chunk=config.predict.chunk, tracks=config.capacity.tracks)


def run_video(
    stream: VideoStream,
    frames: Iterable[np.ndarray],
    geometry: FrameGeometry,
    tracks: VideoTracks,
    host: HostThread,
    truth: VideoTruth | None = None,
) -> None:
    """Sends the frames of one video through a stream; `host` adds its outputs to `tracks`.

    At the end the system finishes the tracks.
    """
    image_size = geometry.image_size
    instances = None if truth is None else truth.instances
    outputs = stream(frames, image_size, geometry.scale, instances)
    for chunk in outputs:
        host.submit(tracks.add, chunk)
    if outputs.memory is not None:
        host.submit(tracks.finish, stream.finish, outputs.memory)


def counted(frames: Iterable[np.ndarray], progress: tqdm) -> Iterator[np.ndarray]:
    """The frames, each counted by a progress bar."""
    for frame in frames:
        yield frame
        progress.update()


def report(num_frames: int, num_tracks: int, overflow: int) -> None:
    """Logs what was done, and in one line what did not fit the capacities."""
    logging.info("predicted %d tracks in %d frames", num_tracks, num_frames)
    if overflow:
        logging.warning(
            "%d candidate objects were lost because a capacity was too small; see config.capacity",
            overflow,
        )
