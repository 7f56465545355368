"""PyTorch beside ours: in a process of its own, where nothing of ours takes memory or settings."""

from __future__ import annotations

import concurrent.futures
from collections.abc import Callable
from multiprocessing import get_context
from typing import Any


def in_own_process(function: Callable, *arguments: Any) -> Any | None:
    """What a function that imports PyTorch returns; None, which is said, if it is not installed."""
    try:
        with concurrent.futures.ProcessPoolExecutor(1, get_context("spawn")) as pool:
            return pool.submit(function, *arguments).result()
    except ModuleNotFoundError as error:
        print(f"PyTorch was not timed: {error.name} is not installed")
        return None
