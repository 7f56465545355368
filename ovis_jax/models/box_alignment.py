"""A deformable convolution of an anchor's shape that reads inside the predicted box: STMask."""

import jax
import jax.numpy as jnp
import numpy as np
from flax import linen as nn

from ovis_jax.models.deformable import DeformConv

ALIGNMENTS = ("ada", "ali")
_SHIFT, _GROWTH = 0.1, 0.2  # of the deltas, in anchor sizes and in logarithms of the size


class BoxAlignment(nn.Module):
    """Feature calibration of STMask, section 3.1: features of classes from the predicted box.

    Attributes:
      shape: (height, width) of the kernel and of the anchor, in cells.
      kind: "ada": offsets are learnt from the deltas; "ali": taps are spread over the box.
      dtype: of the computation; offsets are float32.
    """

    shape: tuple[int, int]
    kind: str
    dtype: str = "float32"

    def setup(self):
        """Makes the deformable convolution and, if they are learnt, the offsets."""
        if self.kind not in ALIGNMENTS:
            raise ValueError(f"class_alignment is {self.kind!r}; expected 'none', 'ada' or 'ali'")
        if self.kind == "ada":
            self.offset = nn.Conv(
                2 * self.shape[0] * self.shape[1],
                (1, 1),
                use_bias=False,
                kernel_init=nn.initializers.normal(0.1),
                precision="highest",
            )
        self.conv = DeformConv(nn.initializers.normal(0.01), dtype=self.dtype, sides=self.shape)

    def __call__(self, features: jax.Array, deltas: jax.Array) -> jax.Array:
        """Features [B, h, w, C] read inside the boxes of deltas [B, h, w, 4]; ends in ReLU."""
        return nn.relu(self.conv(features, self.offsets(deltas)))

    def offsets(self, deltas: jax.Array) -> jax.Array:
        """Offsets [B, h, w, 2 * taps] in cells, as `deform_conv` takes them; no gradient."""
        deltas = jax.lax.stop_gradient(deltas)
        return self.offset(deltas) if self.kind == "ada" else box_offsets(deltas, self.shape)


def box_offsets(deltas: jax.Array, shape: tuple[int, int]) -> jax.Array:
    """Offsets that spread the taps of a kernel over the box that its anchor becomes.

    Args:
      deltas: [..., 4].
      shape: (height, width) of the kernel, odd.

    Returns:
      [..., 2 * height * width], (dy, dx) of each tap, taps row by row.
    """
    height, width = shape
    y, x = np.mgrid[:height, :width].astype(np.float32).reshape(2, -1)
    from_center = np.stack([y - height // 2, x - width // 2], -1)  # [taps, 2]
    shift = _SHIFT * deltas[..., 1::-1] * np.float32([height, width])
    growth = jnp.expm1(_GROWTH * deltas[..., 3:1:-1])
    offsets = shift[..., None, :] + growth[..., None, :] * from_center
    return offsets.reshape(*deltas.shape[:-1], -1)
