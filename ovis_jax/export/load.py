"""Runs a model of `ovis-jax export`: copy this file; jax, numpy, OpenCV and Pillow are enough."""

import json

import cv2
import jax.export
import numpy as np
from PIL import Image


class Model:
    """Used as `for frame, objects in Model("model.zip").track(images)`; `about` says the rest."""

    def __init__(self, path, platform=None):
        """Reads a file; the platform ("cpu", "cuda", "tpu") is the one that JAX runs on."""
        self._files, on = dict(np.load(path)), platform or jax.default_backend()
        self.about, on = json.loads(self._files["about.json"]), on.replace("gpu", "cuda")
        if on not in self.about["platforms"]:
            raise ValueError(f"{path} runs on {self.about['platforms']}, not on {on!r}")
        files = [bytearray(self._files[f"{name}.{on}"]) for name in ("encode", "step")]
        self._encode, self._step = (jax.jit(jax.export.deserialize(x).call) for x in files)

    def prepare(self, image):
        """Puts a frame [h, w, 3] uint8 RGB, of `about["frame_size"]`, on the canvas."""
        (height, width), canvas = self.about["resized"], self.about["canvas"]
        size = self.about["frame_size"]
        if image.shape != (size["height"], size["width"], 3):
            raise ValueError(f"a frame is {image.shape}, expected (height, width, 3) of {size}")
        if self.about["resampling"] == "taps":
            rows, columns, down, across = (self._files[f"taps/{i}"] for i in range(4))
            image = np.rint(((image[rows] * down).sum(0)[:, columns] * across).sum(1)).astype("u1")
        elif self.about["resampling"] == "pillow":
            image = Image.fromarray(image).resize((width, height), Image.Resampling.BILINEAR)
        else:
            image = cv2.resize(image, (width, height))
        return np.pad(image, ((0, canvas[0] - height), (0, canvas[1] - width), (0, 0)))

    def track(self, images):
        """Yields (frame, fields of its objects) of one video, as they are known."""
        lists = [[self._files[x] for x in self.about[key]] for key in ("weights", "state")]
        weights, state = jax.device_put(lists, jax.devices()[0])
        chunk, first, count = self.about["chunk"], -self.about["delay"], 0
        features, images = None, iter(images)
        while True:
            frames = [self.prepare(image) for _, image in zip(range(chunk), images, strict=False)]
            exists, count = np.arange(chunk) < len(frames), count + len(frames)
            if frames:
                features = self._encode(weights, np.stack((frames * chunk)[:chunk]))
            elif not count or first >= count:
                return
            state, output = self._step(weights, state, features, exists)
            fields = {name: np.asarray(x) for name, x in output.items() if x.ndim > 1}
            for i in range(max(0, -first), min(chunk, count - first)):
                yield first + i, {name: x[i][fields["valid"][i]] for name, x in fields.items()}
            first += chunk
