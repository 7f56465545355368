"""Training steps of CMaskTrack R-CNN in eager PyTorch: what `benchmarks.training` compares with.

The layers and numbers of samples are those of our model. Targets are drawn at random, which costs
less than assigning them.
"""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F
from ml_collections import ConfigDict

from benchmarks.alternatives.torch_model import ROI_LEVELS, TorchModel

OBJECTS = 4  # a frame


class TorchTraining:
    """A model, its optimizer and its steps.

    Attributes:
      place: device and version, for people.
    """

    def __init__(self, config: ConfigDict, dtype: str):
        """Makes the model with random weights.

        Args:
          config: numbers of samples.
          dtype: of the computation; parameters are float32.
        """
        self._device = "cuda" if torch.cuda.is_available() else "cpu"
        self._dtype = getattr(torch, dtype)
        self._config = config.model
        self._model = TorchModel(config.model.num_classes, proposals=config.capacity.proposals)
        self._model.to(self._device)
        for part in (self._model.stem, self._model.stages[0]):
            part.requires_grad_(False)
        trained = [p for p in self._model.parameters() if p.requires_grad]
        self._optimizer = torch.optim.SGD(trained, lr=1e-4, momentum=0.9, weight_decay=1e-4)
        self.place = f"{torch.__version__} on {self._device}"

    def step(self, images: np.ndarray) -> None:
        """One step on query and reference frames [2, B, H, W, 3] float32; waits for its end."""
        frames = torch.from_numpy(images).to(self._device).permute(0, 1, 4, 2, 3).flatten(0, 1)
        enabled = self._dtype != torch.float32
        with torch.autocast(self._device, self._dtype, enabled=enabled):
            loss = self._loss(frames)
        self._optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self._model.parameters(), 35.0)
        self._optimizer.step()
        if self._device == "cuda":
            torch.cuda.synchronize()

    def _loss(self, frames: torch.Tensor) -> torch.Tensor:
        model, pairs = self._model, len(frames) // 2
        pyramid = model.encode(frames)
        query, reference = (
            [x[part] for x in pyramid] for part in (slice(pairs), slice(pairs, None))
        )
        calibrated = model.calibrate(query[:ROI_LEVELS], reference[:ROI_LEVELS])
        loss = self._proposal_loss(query)
        for number in range(pairs):
            own, theirs, mixed = (
                [x[number : number + 1] for x in levels]
                for levels in (query, reference, calibrated)
            )
            loss = loss + self._head_loss(own, theirs, mixed, frames.shape[-2:])
        return loss / pairs

    def _proposal_loss(self, query: list[torch.Tensor]) -> torch.Tensor:
        """Of 256 random anchors of each frame."""
        hidden = [F.relu(self._model.rpn(x)) for x in query]
        logits = torch.cat([self._model.rpn_logits(x).flatten(1) for x in hidden], 1)
        deltas = torch.cat([self._model.rpn_deltas(x).flatten(1) for x in hidden], 1)
        chosen = torch.randint(logits.shape[1], (self._config.rpn.num_samples,))
        labels = torch.rand(len(query[0]), len(chosen), device=self._device).round()
        found = logits[:, chosen].float()
        return F.binary_cross_entropy_with_logits(found, labels) + deltas[:, chosen].abs().mean()

    def _head_loss(self, query, reference, calibrated, size) -> torch.Tensor:
        """Of the RoI heads, for one pair."""
        model, box = self._model, self._config.box
        with torch.no_grad():
            proposals = model.propose(query, size)
            rois = proposals[torch.randint(len(proposals), (box.num_samples,))]
        logits, deltas = model.classify(calibrated, rois)
        labels = torch.randint(logits.shape[-1], (len(rois),), device=self._device)
        loss = F.cross_entropy(logits.float(), labels) + deltas.abs().mean()
        rois, labels = rois[: box.max_positive], labels[: box.max_positive].clamp(min=1) - 1
        masks = model.segment(calibrated, rois, labels).float()
        loss = loss + F.binary_cross_entropy_with_logits(masks, torch.rand_like(masks).round())
        match = model.embed(query, rois) @ model.embed(reference, rois[:OBJECTS]).T
        owners = torch.randint(match.shape[1], (len(rois),), device=self._device)
        return loss + F.cross_entropy(match.float(), owners)
