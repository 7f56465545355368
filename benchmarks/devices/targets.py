"""The accelerators that programs are compiled for, and what their data sheets say."""

from __future__ import annotations

import dataclasses
import pathlib

from ovis_jax.formats.errors import InputError

H100 = pathlib.Path(__file__).with_name("h100.txtpb")


@dataclasses.dataclass(frozen=True)
class Target:
    """One kind of chip.

    Attributes:
      name: as on the command line.
      platform: "tpu" or "cuda".
      shapes: name of the topology by number of chips.
      operations: of bfloat16 products, a second and chip.
      bandwidth: of its memory, bytes a second.
      clock: cycles a second, of TPUs the clock of their matrix units.
      memory: bytes a chip.
    """

    name: str
    platform: str
    shapes: dict[int, str]
    operations: float
    bandwidth: float
    clock: float
    memory: float

    def topology(self, chips: int) -> tuple[str, int]:
        """Name of the smallest topology with so many chips, and how many it has.

        Raises:
          InputError: there is none.
        """
        large = [count for count in sorted(self.shapes) if count >= chips]
        if chips < 1 or not large:
            raise InputError(f"--chips: {chips}, expected 1 to {max(self.shapes)} of {self.name}")
        return self.shapes[large[0]], large[0]


_FLAT = {4: "2x2", 8: "2x4", 16: "4x4", 64: "8x8", 256: "16x16"}
_CUBES = {4: "2x2x1", 8: "2x2x2", 16: "2x2x4", 64: "4x4x4"}
_GPUS = {count: f"1x1x{count}" for count in (1, 2, 4, 8)}


def _named(name: str, shapes: dict[int, str]) -> dict[int, str]:
    return {count: f"{name}:{shape}" for count, shape in shapes.items()}


TARGETS = {
    target.name: target
    for target in (
        Target("tpu-v5e", "tpu", _named("v5e", _FLAT), 197e12, 819e9, 1.5e9, 16 * 2**30),
        Target("tpu-v5p", "tpu", _named("v5p", _CUBES), 459e12, 2765e9, 1.75e9, 95 * 2**30),
        Target("tpu-v6e", "tpu", _named("v6e", _FLAT), 918e12, 1640e9, 1.75e9, 32 * 2**30),
        Target("h100", "cuda", _GPUS, 989e12, 3352e9, 1.98e9, 84942979072),
    )
}
