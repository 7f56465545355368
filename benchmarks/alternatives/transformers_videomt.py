"""VidEoMT of the package transformers, in PyTorch; imported in a process of its own."""

from __future__ import annotations

import pathlib
import time

import numpy as np
import torch
from transformers import VideomtConfig, VideomtForUniversalSegmentation


def save_random_model(folder: pathlib.Path, sizes: dict, num_classes: int, seed: int = 0) -> None:
    """Writes a model with random weights as transformers does.

    Args:
      folder: to write to.
      sizes: arguments of its configuration.
      num_classes: without "no object".
      seed: of the weights.
    """
    torch.manual_seed(seed)
    config = VideomtConfig(**sizes, num_labels=num_classes)
    VideomtForUniversalSegmentation(config).eval().save_pretrained(folder)


def run_model(
    folder: pathlib.Path, frames: np.ndarray, rounds: int, compiled: bool
) -> tuple[float, np.ndarray, np.ndarray]:
    """Runs a saved model on a clip: once, then timed.

    Args:
      folder: as `save_random_model` wrote it.
      frames: [T, H, W, 3] float32, normalised.
      rounds: of which the fastest counts.
      compiled: by torch.compile.

    Returns:
      Seconds a clip; class logits [T, Q, K + 1] and mask logits [T, Q, h, w].
    """
    device = "cuda" if torch.cuda.is_available() else "cpu"
    model = VideomtForUniversalSegmentation.from_pretrained(folder).eval().to(device)
    run = torch.compile(model) if compiled else model
    video = torch.from_numpy(frames).permute(0, 3, 1, 2)[None].contiguous().to(device)
    best = float("inf")
    with torch.inference_mode():
        for _ in range(1 + rounds):
            start = time.perf_counter()
            said = run(pixel_values_videos=video)
            classes = said.class_queries_logits.cpu().numpy()
            masks = said.masks_queries_logits.cpu().numpy()
            best = min(best, time.perf_counter() - start)
    return best, classes, masks
