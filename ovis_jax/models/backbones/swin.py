"""Swin transformer: frames to C2...C5. Source: Liu et al. 2021, "Swin Transformer"."""

import functools
from collections.abc import Sequence

import jax
import jax.numpy as jnp
import numpy as np
from flax import linen as nn

from ovis_jax.models.backbones.stems import PatchStem, checked_frames, truncated_normal
from ovis_jax.models.layers import layer_norm
from ovis_jax.ops.gelu import gelu

MASKED = -100.0  # added to the logits of pairs that the shift brought together, as published
MLP_EXPANSION = 4
NORM_EPSILON = 1e-5
TORCHVISION, MMDETECTION, TIMM = BORDERS = ("torchvision", "mmdetection", "timm")


class WindowAttention(nn.Module):
    """Attention inside windows, with a learned bias for every relative position.

    Attributes:
      num_heads: channels are a multiple of it.
      window: cells of a side.
      dtype: of the computation; logits and their softmax are float32.
    """

    num_heads: int
    window: int
    dtype: str = "float32"

    @nn.compact
    def __call__(self, x: jax.Array, allowed: jax.Array | None) -> jax.Array:
        """Maps windows to windows.

        Args:
          x: [B, W, S, C], W windows of S = window ** 2 cells.
          allowed: [W, S, S] bool, which pairs of cells see each other; None: all.
        """
        dense = functools.partial(nn.Dense, kernel_init=truncated_normal, dtype=self.dtype)
        channels = x.shape[-1]
        size = channels // self.num_heads
        qkv = dense(3 * channels, name="qkv")(x)
        query, key, value = jnp.moveaxis(qkv.reshape(*x.shape[:-1], 3, self.num_heads, size), -3, 0)
        logits = jnp.einsum("bwqhd,bwkhd->bwhqk", query * size**-0.5, key).astype("float32")
        sides = (2 * self.window - 1) ** 2
        table = self.param("position_bias", truncated_normal, (sides, self.num_heads))
        bias = table[position_index(self.window)]  # [S, S, heads]
        logits = logits + jnp.moveaxis(bias, -1, 0)
        if allowed is not None:
            logits = logits + jnp.where(allowed, 0, MASKED)[:, None]
        probs = jax.nn.softmax(logits).astype(self.dtype)
        mixed = jnp.einsum("bwhqk,bwkhd->bwqhd", probs, value)
        return dense(channels, name="projection")(mixed.reshape(x.shape))


class SwinBlock(nn.Module):
    """Attention in windows and a perceptron, each after a norm and with a shortcut.

    Attributes:
      num_heads: of the attention.
      window: cells of a window's side.
      shifted: windows begin in the middle of those of the block before.
      borders: one of `BORDERS`; see `Swin`.
      dtype: of the computation.
    """

    num_heads: int
    window: int
    shifted: bool
    borders: str = TORCHVISION
    dtype: str = "float32"

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        """Maps [B, H, W, C] to the same shape."""
        dense = functools.partial(nn.Dense, kernel_init=truncated_normal, dtype=self.dtype)
        norm = functools.partial(layer_norm, self.dtype, NORM_EPSILON)
        x = x + self._attend(norm(name="norm1")(x))
        y = dense(MLP_EXPANSION * x.shape[-1], name="expand")(norm(name="norm2")(x))
        return x + dense(x.shape[-1], name="reduce")(gelu(y))

    def _attend(self, x: jax.Array) -> jax.Array:
        height, width = x.shape[1:3]
        sides = tuple(-(-size // self.window) * self.window for size in (height, width))
        shifts = tuple(self._shift(side) for side in sides)
        # Zeros behind the norm, which attention sees.
        padding = ((0, 0), (0, sides[0] - height), (0, sides[1] - width), (0, 0))
        back = tuple(-shift for shift in shifts)
        if self.borders == TIMM:
            x = self._attend_in_windows(jnp.pad(jnp.roll(x, back, (1, 2)), padding), shifts)
            return jnp.roll(x[:, :height, :width], shifts, (1, 2))
        x = self._attend_in_windows(jnp.roll(jnp.pad(x, padding), back, (1, 2)), shifts)
        return jnp.roll(x, shifts, (1, 2))[:, :height, :width]

    def _attend_in_windows(self, x: jax.Array, shifts: tuple[int, int]) -> jax.Array:
        """Attention on a map [B, H, W, C] of whole windows that was moved by `shifts`."""
        batch, *sides, channels = x.shape
        rows, columns = (side // self.window for side in sides)
        x = x.reshape(batch, rows, self.window, columns, self.window, channels)
        x = x.swapaxes(2, 3).reshape(batch, rows * columns, self.window**2, channels)
        allowed = window_pairs(sides, shifts, self.window) if any(shifts) else None
        x = WindowAttention(self.num_heads, self.window, self.dtype, name="attention")(x, allowed)
        x = x.reshape(batch, rows, columns, self.window, self.window, channels)
        return x.swapaxes(2, 3).reshape(batch, *sides, channels)

    def _shift(self, side: int) -> int:
        """Cells by which the windows of an axis of `side` cells, padded, are moved."""
        moved = self.shifted and (side > self.window or self.borders == MMDETECTION)
        return self.window // 2 if moved else 0


class Merge(nn.Module):
    """Two by two cells to one of twice the channels: stacked, normalised, projected.

    Stacked are (row, column) 00, 01, 10, 11, each with all of its channels.
    """

    dtype: str = "float32"

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        """Maps [B, H, W, C] to [B, H / 2, W / 2, 2C]."""
        batch, height, width, channels = x.shape
        x = x.reshape(batch, height // 2, 2, width // 2, 2, channels).swapaxes(2, 3)
        x = x.reshape(batch, height // 2, width // 2, 4 * channels)
        x = layer_norm(self.dtype, NORM_EPSILON, name="norm")(x)
        return nn.Dense(
            2 * channels,
            use_bias=False,
            kernel_init=truncated_normal,
            dtype=self.dtype,
            name="reduction",
        )(x)


class SwinStage(nn.Module):
    """Blocks of one resolution, every second one shifted; all but the first begin with a merge.

    Attributes:
      blocks: how many.
      num_heads: of each block.
      merge: halve the map first.
      window: cells of a window's side.
      borders: see `Swin`.
      dtype: of the computation.
      rematerialise: see `Swin`.
    """

    blocks: int
    num_heads: int
    merge: bool
    window: int
    borders: str
    dtype: str
    rematerialise: bool

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        """Maps [B, H, W, C] to [B, H, W, C], or with a merge [B, H / 2, W / 2, 2C]."""
        if self.merge:
            x = Merge(self.dtype, name="merge")(x)
        block = nn.remat(SwinBlock) if self.rematerialise else SwinBlock
        for i in range(self.blocks):
            options = (self.num_heads, self.window, i % 2 == 1, self.borders, self.dtype)
            x = block(*options, name=f"block{i}")(x)
        return x


class Swin(nn.Module):
    """Swin transformer without its classifier, each output behind a norm of its own.

    Attributes:
      channels: of the first stage.
      blocks: of each stage.
      num_heads: in the blocks of each stage.
      window: cells of a window's side.
      borders: what a library does where windows do not divide a map, or a single one covers it; one
        of `BORDERS`. "torchvision": the map is padded, then shifted, but not along an axis of a
        single window. "mmdetection", and the published detectors: also along that one. "timm": the
        map is shifted, then padded. All the same for frames whose sides are multiples of
        `32 * window` pixels (224), from two on.
      output_norm: outputs are normalised, as detectors want them; False: as the next stage reads
        them.
      frozen_stages: the stem and the first so many stages pass no gradient; -1 for none, 0 for the
        stem.
      dtype: of the computation.
      rematerialise: keep only what enters each block and compute the rest again in the backward
        pass.
    """

    channels: int = 96
    blocks: tuple[int, ...] = (2, 2, 6, 2)
    num_heads: tuple[int, ...] = (3, 6, 12, 24)
    window: int = 7
    borders: str = TORCHVISION
    output_norm: bool = True
    frozen_stages: int = -1
    dtype: str = "float32"
    rematerialise: bool = False

    @nn.compact
    def __call__(self, images: jax.Array, training: bool | None = None) -> tuple[jax.Array, ...]:
        """Maps frames [B, H, W, 3] to C2...C5, [B, H / 4, W / 4, C] ... [B, H / 32, W / 32, 8C].

        Args:
          images: normalised.
          training: means nothing here, and is there since other backbones ask for it.

        Raises:
          ValueError: a side is not a multiple of 32, channels are not a multiple of the heads, or
            nobody has such borders.
        """
        del training
        if self.borders not in BORDERS:
            raise ValueError(f"Swin's borders are {self.borders!r}; expected one of {BORDERS}")
        if self.channels % self.num_heads[0]:
            raise ValueError(
                f"Swin has {self.channels} channels in its first stage; expected a multiple of its "
                f"{self.num_heads[0]} heads"
            )
        x = checked_frames(images).astype(self.dtype)
        x = PatchStem(self.channels, NORM_EPSILON, self.dtype, name="stem")(x)
        if self.frozen_stages >= 0:
            x = jax.lax.stop_gradient(x)
        outputs = []
        for i, (blocks, num_heads) in enumerate(zip(self.blocks, self.num_heads, strict=True)):
            x = SwinStage(
                blocks=blocks,
                num_heads=num_heads,
                merge=i > 0,
                window=self.window,
                borders=self.borders,
                dtype=self.dtype,
                rematerialise=self.rematerialise,
                name=f"stage{i + 1}",
            )(x)
            if i < self.frozen_stages:
                x = jax.lax.stop_gradient(x)
            norm = layer_norm(self.dtype, NORM_EPSILON, name=f"norm{i + 1}")
            outputs.append(norm(x) if self.output_norm else x)
        return tuple(outputs)


def position_index(window: int) -> np.ndarray:
    """Row of the bias table for each pair of cells of a window, [S, S] with S = window ** 2.

    Cells are numbered row by row; the row is that of (query row - key row, query column - key
    column), each from 1 - window on, columns running faster. That is how all libraries number it.
    """
    cells = np.stack(np.divmod(np.arange(window**2), window))  # [2, S]
    rows, columns = cells[:, :, None] - cells[:, None, :] + window - 1
    return rows * (2 * window - 1) + columns


def window_pairs(sides: Sequence[int], shifts: Sequence[int], window: int) -> np.ndarray:
    """Which cells of a window were neighbours before the shift.

    Args:
      sides: height and width of the map, multiples of `window`.
      shifts: cells by which it was rolled up and to the left.
      window: cells of a window's side.

    Returns:
      [W, S, S] bool, windows row by row.
    """
    regions = []  # of each row and column: the whole windows, the rest, and what was rolled round
    for side, shift in zip(sides, shifts, strict=True):
        cell = np.arange(side)
        last = (cell >= side - window).astype(int) + (cell >= side - shift)
        regions.append(last if shift else np.zeros(side, int))
    region = 3 * regions[0][:, None] + regions[1]
    region = region.reshape(sides[0] // window, window, sides[1] // window, window)
    region = region.swapaxes(1, 2).reshape(-1, window**2)
    return region[:, :, None] == region[:, None, :]
