"""What is to be compiled, as one process tells another."""

from __future__ import annotations

import dataclasses
import json

PROGRAMS = ("train", "encode", "step", "whole_frame")


@dataclasses.dataclass(frozen=True)
class Request:
    """A program of a configuration, for a target.

    Attributes:
      target: name of a row of `targets.TARGETS`.
      chips: that the batch of a training step is spread over; other programs use one.
      program: one of `PROGRAMS`.
      config: file of the configuration.
      dtype: of `config.model`.
      matmul_precision: of float32 products.
      pairs: frame pairs a chip, in training.
      window: reference frames on either side, None for those of the configuration.
      chunk: frames that `encode` gets together.
      cublas: on GPUs, products are library calls; XLA otherwise writes some of them itself.
      image_scale: (longer, shorter) side that frames fit into, None for that of the configuration.
    """

    target: str
    chips: int
    program: str
    config: str
    dtype: str
    matmul_precision: str
    pairs: int
    window: int | None
    chunk: int
    cublas: bool = False
    image_scale: tuple[int, int] | None = None

    def text(self) -> str:
        """All of it in one argument of a command line."""
        return json.dumps(dataclasses.asdict(self))

    @classmethod
    def read(cls, text: str) -> Request:
        """What `text` wrote."""
        return cls(**json.loads(text))
