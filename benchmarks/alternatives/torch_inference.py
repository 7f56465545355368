"""CMaskTrack R-CNN in eager PyTorch, from frames to masks: the rival of `benchmarks.inference`."""

from __future__ import annotations

import pathlib
from collections.abc import Callable, Sequence

import torch
from ml_collections import ConfigDict

from benchmarks.alternatives.torch_model import ROI_LEVELS, TorchModel, multiply_with, vision
from ovis_jax.data.frame_files import read_frame
from ovis_jax.data.from_config import resizing
from ovis_jax.data.transforms import frame_geometry, transform_image
from ovis_jax.tracking.paste import paste_mask, pixel_boxes


class TorchInference:
    """A model with random weights, its stages and its way through a clip.

    Attributes:
      place: device and version, for people.
    """

    def __init__(self, config: ConfigDict, size: tuple[int, int], dtype: str, precision: str):
        """Makes the model.

        Args:
          config: whole configuration.
          size: (width, height) of the frames.
          dtype: of the computation; parameters are float32.
          precision: of float32 products.
        """
        multiply_with(precision)
        self._size, self._data = size, config.data
        self._device = "cuda" if torch.cuda.is_available() else "cpu"
        self._dtype = getattr(torch, dtype)
        self._reach = config.predict.reference_window
        self._geometry = frame_geometry(*size, resizing(config.data))
        self._mean, self._std = (
            torch.tensor(x, device=self._device) for x in (config.data.mean, config.data.std)
        )
        capacity = config.capacity
        self._model = TorchModel(
            config.model.num_classes,
            proposals=capacity.proposals,
            candidates=capacity.candidates,
            detections=capacity.detections,
            score_threshold=0.0,
        ).to(self._device)
        version = f"PyTorch {torch.__version__}, {dtype}, on {self._device}"
        self.place = f"{version}, torchvision: {bool(vision)}"

    def stages(
        self, path: pathlib.Path, chunk: int
    ) -> tuple[Callable, dict[str, Callable], Callable]:
        """Calls that wait for their results: encoding, the parts of a frame, a frame in all.

        Args:
          path: a frame.
          chunk: how many of it are encoded together.
        """
        model = self._model
        batch = self._canvas(path).expand(chunk, -1, -1, -1)
        encode = self._timed(lambda: model.encode(batch))
        pyramid = [x[:1] for x in encode()]
        references = max(2 * self._reach, 1)
        many = [x.expand(references, -1, -1, -1) for x in pyramid[:ROI_LEVELS]]
        size = self._geometry.height, self._geometry.width
        calibrate = self._timed(lambda: model.calibrate(many, many))
        propose = self._timed(lambda: model.propose(pyramid, size))
        calibrated, rois = calibrate(), propose()
        classify = self._timed(lambda: model.classify(calibrated, rois))
        whole = self._timed(lambda: self._outputs(pyramid, [pyramid] * references))
        parts = {"calibrate": calibrate, "propose": propose, "classify": classify}
        return encode, parts, whole

    def track(self, clip: Sequence[pathlib.Path]) -> None:
        """Boxes, masks and embeddings of every frame of a clip, the masks pasted."""
        self._timed(lambda: self._track(clip))()

    def _track(self, clip: Sequence[pathlib.Path]) -> None:
        pyramids = [self._model.encode(self._canvas(path)) for path in clip]
        scale, _ = self._geometry.scale  # the same in both axes
        for number, own in enumerate(pyramids):
            near = range(max(0, number - self._reach), number + self._reach + 1)
            window = [pyramids[i] for i in near if i != number and i < len(pyramids)]
            boxes, masks, _ = self._outputs(own, window or [own])
            boxes = pixel_boxes(boxes.float().cpu().numpy() / scale, scale)
            for logits, box in zip(masks.float().cpu().numpy(), boxes, strict=True):
                paste_mask(logits, box, self._size[1], self._size[0])

    def _outputs(self, pyramid: list[torch.Tensor], window: list[list[torch.Tensor]]):
        """Boxes, masks and embeddings of a frame from its pyramid and those around it."""
        model, size = self._model, (self._geometry.height, self._geometry.width)
        query = [x.expand(len(window), -1, -1, -1) for x in pyramid[:ROI_LEVELS]]
        around = [torch.cat(levels) for levels in zip(*window, strict=True)][:ROI_LEVELS]
        calibrated = model.calibrate(query, around)
        rois = model.propose(pyramid, size)
        logits, deltas = model.classify(calibrated, rois)
        # Random boxes may suppress each other: the surest proposals stand for the detections.
        boxes, labels = rois[: model.detections], logits[: model.detections, 1:].argmax(-1)
        model.detect(rois, logits, deltas, size)
        return boxes, model.segment(calibrated, boxes, labels), model.embed(pyramid, boxes)

    def _canvas(self, path: pathlib.Path) -> torch.Tensor:
        """A frame as the model reads it, [1, 3, H, W]."""
        image = transform_image(read_frame(path, *self._size), self._geometry, flip=False)
        frame = torch.from_numpy(image).to(self._device)
        return ((frame - self._mean) / self._std).permute(2, 0, 1)[None]

    def _timed(self, function: Callable) -> Callable:
        """A call that computes without gradients, in the type that is wanted, and waits."""
        mixed = self._dtype != torch.float32

        def call():
            with (
                torch.inference_mode(),
                torch.autocast(self._device, self._dtype, enabled=mixed),
            ):
                result = function()
            if self._device == "cuda":
                torch.cuda.synchronize()
            return result

        return call
