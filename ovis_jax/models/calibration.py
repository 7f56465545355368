"""Temporal feature calibration (TFC): the plug-in of the OVIS paper, section 4.2."""

from collections.abc import Sequence

import jax
import jax.numpy as jnp
from flax import linen as nn

from ovis_jax.models.deformable import DEFORM_KERNEL, DeformConv
from ovis_jax.models.layers import kaiming_normal, torch_uniform
from ovis_jax.ops import implementations
from ovis_jax.ops.canvas import Canvas, canvas_of, keep_on_level
from ovis_jax.ops.correlation import correlation, expected_displacement

COMPARISONS = ("correlation", "difference", "query", "addition")
FUSIONS = ("sum", "mean")
LEAKY_SLOPE = 0.1
_LEAST_SQUARE = 1e-12  # features of zeros resemble nothing


class TemporalCalibration(nn.Module):
    """Adds to a query level what a reference level holds, aligned by learned offsets.

    One set of weights serves every pyramid level. Source: paper, section 4.2; the published code.

    Attributes:
      compare: what the offsets are computed from. "correlation" of query and reference; their
        element-wise "difference"; "query": both sides are the query, so that its own features are
        sampled anew; "addition": no offsets, the reference is added as it is.
      displacements: side of the correlation's square of displacements.
      dilation: cells between neighbouring displacements.
      kernel_size: side of the patches that are compared (paper, equation 2); 1 in the published
        code.
      channels: of the offset convolutions.
      num_convs: how many 3x3 convolutions come before the offsets.
      init_scale: of the initial weights of the offsets and of the deformable kernel. 1 as
        published, where training starts from a detector; 0 leaves the query untouched at first,
        which a detector that is itself trained from scratch needs: an unaligned reference is noise
        to it.
      motion_sharpness: 0: offsets are what the convolutions say, as published. Else they are that
        on top of the displacement which the correlation expects at each position, see
        `expected_displacement`; beyond the paper.
      unit_features: features are brought to equal length before they are correlated. Else, as
        published, positions with long features correlate with everything; beyond the paper.
      fusion: "sum" adds what is aligned to the query, as published. "mean" takes the mean of both,
        and the deformable kernel starts as a copy of the reference, plus its initial weights: the
        result is a feature like the query's from the first step on; beyond the paper.
      dtype: of the computation; offsets are float32.
    """

    compare: str = "correlation"
    displacements: int = 16
    dilation: int = 2
    kernel_size: int = 1
    channels: int = 256
    num_convs: int = 3
    init_scale: float = 1.0
    motion_sharpness: float = 0.0
    unit_features: bool = False
    fusion: str = "sum"
    dtype: str = "float32"

    def setup(self):
        """Makes the offset convolutions and the deformable kernel."""
        if self.compare not in COMPARISONS:
            raise ValueError(f"compare is {self.compare!r}; expected one of {COMPARISONS}")
        if self.fusion not in FUSIONS:
            raise ValueError(f"fusion is {self.fusion!r}; expected one of {FUSIONS}")
        for name in ("motion_sharpness", "unit_features"):
            if getattr(self, name) and self.compare != "correlation":
                raise ValueError(f"{name} needs a correlation, but compare is {self.compare!r}")
        self.offset_convs = [
            nn.Conv(self.channels, (3, 3), kernel_init=kaiming_normal, dtype=self.dtype)
            for _ in range(self.num_convs)
        ]
        self.offset = nn.Conv(
            2 * DEFORM_KERNEL**2,
            (DEFORM_KERNEL, DEFORM_KERNEL),
            kernel_init=self._initial,
            dtype="float32",
        )
        self.align = DeformConv(self._initial_kernel, dtype=self.dtype)

    def __call__(
        self, query: Sequence[jax.Array], reference: Sequence[jax.Array]
    ) -> tuple[jax.Array, ...]:
        """Calibrates every level; both are sequences of [B, h, w, C]."""
        if implementations.one_canvas() and len(query) > 1 and self.compare != "addition":
            return self._on_one_canvas(tuple(query), tuple(reference))
        return tuple(self.level(q, r) for q, r in zip(query, reference, strict=True))

    def _on_one_canvas(self, query, reference) -> tuple[jax.Array, ...]:
        """All levels at once, on a map that keeps them out of each other's reach."""
        canvas = canvas_of(tuple(x.shape[1:3] for x in query), self._reach)
        calibrated = self.level(canvas.pack(query), canvas.pack(reference), canvas)
        return canvas.unpack(calibrated)

    @property
    def _reach(self) -> int:
        """Cells that a convolution or a comparison looks away from a position."""
        compared = (self.displacements - 1) * self.dilation // 2 + self.kernel_size // 2
        return max(compared if self.compare == "correlation" else 0, DEFORM_KERNEL // 2, 1)

    def level(
        self, query: jax.Array, reference: jax.Array, canvas: Canvas | None = None
    ) -> jax.Array:
        """Maps two levels [B, h, w, C] to the calibrated level [B, h, w, C].

        With a canvas these are the maps of several levels.
        """
        if self.compare == "addition":
            return self._fused(query, reference)
        if self.compare == "query":
            reference = query
        offsets = self.offsets(query, reference, canvas)
        return self._fused(query, self.align(reference, offsets))

    def offsets(
        self, query: jax.Array, reference: jax.Array, canvas: Canvas | None = None
    ) -> jax.Array:
        """Calibration offsets [B, h, w, 18], (dy, dx) of the nine taps in cells.

        With a canvas, taps that would leave the level of their position read nothing.
        """
        x = compared = self.comparison(query, reference)
        for conv in self.offset_convs:
            x = x if canvas is None else canvas.clear(x)
            x = nn.relu(conv(x))
        x = x if canvas is None else canvas.clear(x)
        offsets = self.offset(x)
        if self.motion_sharpness:
            motion = expected_displacement(compared, self.dilation, self.motion_sharpness)
            offsets += jnp.tile(motion, DEFORM_KERNEL**2)
        return offsets if canvas is None else keep_on_level(offsets, DEFORM_KERNEL, canvas)

    def comparison(self, query: jax.Array, reference: jax.Array) -> jax.Array:
        """What the offsets are computed from, [B, h, w, F]."""
        if self.compare == "difference":
            return query - reference
        if self.unit_features:
            query, reference = _unit(query), _unit(reference)
        query, reference = implementations.as_computed((query, reference), self.dtype)
        x = correlation(
            query,
            reference,
            displacements=self.displacements,
            dilation=self.dilation,
            kernel_size=self.kernel_size,
        )
        return nn.leaky_relu(x, LEAKY_SLOPE)

    def _fused(self, query: jax.Array, aligned: jax.Array) -> jax.Array:
        return (query + aligned) / 2 if self.fusion == "mean" else query + aligned

    def _initial(self, *arguments):
        return self.init_scale * torch_uniform(*arguments)

    def _initial_kernel(self, key, shape, *arguments):
        """Of the deformable convolution, [3, 3, C, C]: a copy of the middle tap for "mean"."""
        kernel = self._initial(key, shape, *arguments)
        if self.fusion == "sum":
            return kernel
        middle = DEFORM_KERNEL // 2
        return kernel.at[middle, middle].add(jnp.eye(*shape[2:], dtype=kernel.dtype))


def _unit(features: jax.Array) -> jax.Array:
    """Features [..., C] of a root mean square of 1 over channels; zeros stay zeros."""
    square = jnp.mean(jnp.square(features.astype(jnp.float32)), axis=-1, keepdims=True)
    return (features * jax.lax.rsqrt(square + _LEAST_SQUARE)).astype(features.dtype)
