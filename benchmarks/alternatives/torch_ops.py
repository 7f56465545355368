"""Correlation and deformable convolution in PyTorch: what `benchmarks.ops` compares with."""

from __future__ import annotations

import time
from collections.abc import Callable

import numpy as np
import torch

from benchmarks.alternatives import torch_model


def time_correlation(query: np.ndarray, reference: np.ndarray, cotangent: np.ndarray, **options):
    """As `time_operation`, for maps [B, H, W, C] and 16x16 displacements."""
    return time_operation(torch_model.correlation, (query, reference), cotangent, **options)


def time_deform_conv(
    features: np.ndarray, offsets: np.ndarray, kernel: np.ndarray, cotangent: np.ndarray, **options
):
    """As `time_operation`, for maps, offsets [B, H, W, 18] and a kernel [3, 3, C, F]."""
    inputs = features, offsets, kernel.transpose(3, 0, 1, 2)
    name, times, results = time_operation(torch_model.deform_conv, inputs, cotangent, **options)
    out, by_features, by_offsets, by_kernel = results
    return name, times, [out, by_features, by_offsets, by_kernel.transpose(1, 2, 3, 0)]


def time_operation(
    operation: Callable,
    inputs: tuple[np.ndarray, ...],
    cotangent: np.ndarray,
    *,
    seconds: float,
    precision: str,
):
    """Times a function of tensors with channels first.

    Args:
      operation: its arguments and its result have the channels of ours in their second axis.
      inputs: of four axes each, the channels last.
      cotangent: like the result, the channels last.
      seconds: spent on each number.
      precision: of float32 products; see `torch_model.multiply_with`.

    Returns:
      What was timed, for people; seconds of the forward pass and of that with all gradients; the
      result and the gradients, laid out like ours.
    """
    torch_model.multiply_with(precision)
    device = "cuda" if torch.cuda.is_available() else "cpu"

    def tensor(x):
        return torch.from_numpy(np.ascontiguousarray(np.moveaxis(x, -1, 1))).to(device)

    tensors = [tensor(x).requires_grad_() for x in inputs]
    given = tensor(cotangent)

    def forward():
        with torch.inference_mode():
            operation(*tensors)

    def both():
        out = operation(*tensors)
        return out, *torch.autograd.grad(out, tensors, given)

    def best(function):
        times, end = [], time.perf_counter() + seconds
        function()
        while len(times) < 3 or time.perf_counter() < end:
            start = time.perf_counter()
            function()
            if device == "cuda":
                torch.cuda.synchronize()
            times.append(time.perf_counter() - start)
        return min(times)

    times = best(forward), best(both)
    results = [np.moveaxis(x.detach().cpu().numpy(), 1, -1) for x in both()]
    vision = operation is torch_model.deform_conv and torch_model.vision is not None
    own = "torchvision" if vision else "own code"
    return f"PyTorch {torch.__version__} ({own})", times, results
