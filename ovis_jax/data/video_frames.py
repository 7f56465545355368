"""Frames of one video in order, for inference: decoded ahead while the device works."""

from __future__ import annotations

import collections
import concurrent.futures
import pathlib
from collections.abc import Iterator

import numpy as np

from ovis_jax.data.frame_files import read_frame
from ovis_jax.data.transforms import FrameGeometry, Resizing, frame_geometry, transform_image

_AHEAD = 8  # frames decoded before they are asked for
_THREADS = 2


class VideoFrames:
    """The frames of a video, resized and padded to the next multiple.

    Attributes:
      geometry: FrameGeometry of every frame.
      paths: file of each frame.
    """

    def __init__(self, images_dir: pathlib.Path | str, video, resizing: Resizing):
        """Reads nothing yet.

        Args:
          images_dir: folder that the video's file names are relative to.
          video: `width`, `height` and `file_names` are used.
          resizing: of the frames.
        """
        self.geometry: FrameGeometry = frame_geometry(video.width, video.height, resizing)
        self.paths = [pathlib.Path(images_dir) / name for name in video.file_names]
        self._size = (video.width, video.height)

    def __len__(self) -> int:
        """Number of frames."""
        return len(self.paths)

    def __getitem__(self, index: int) -> np.ndarray:
        """One frame: [H, W, 3] uint8 RGB.

        Raises:
          InputError: the file is missing, damaged or of another size.
        """
        image = read_frame(self.paths[index], *self._size)
        return transform_image(image, self.geometry, flip=False)

    def __iter__(self) -> Iterator[np.ndarray]:
        """All frames in order; a few are decoded ahead in threads, whatever the video's length."""
        pool = concurrent.futures.ThreadPoolExecutor(_THREADS)
        waiting: collections.deque[concurrent.futures.Future] = collections.deque()
        try:
            for index in range(len(self)):
                waiting.append(pool.submit(self.__getitem__, index))
                if len(waiting) > _AHEAD:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            pool.shutdown(wait=False, cancel_futures=True)
