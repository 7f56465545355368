"""How PyTorch lays out a parameter, how this package does, and the way between them."""

import dataclasses
from collections.abc import Callable, Sequence

import numpy as np

Convert = Callable[[np.ndarray], np.ndarray]


@dataclasses.dataclass(frozen=True)
class Layout:
    """A change of layout that loses nothing.

    Attributes:
      ours: from PyTorch's layout to ours.
      theirs: its inverse.
    """

    ours: Convert
    theirs: Convert

    def __call__(self, x: np.ndarray) -> np.ndarray:
        """PyTorch's layout to ours."""
        return self.ours(x)

    def their_shape(self, shape: Sequence[int]) -> tuple[int, ...]:
        """Shape that a tensor must have to become an array of `shape`; allocates nothing."""
        return self.theirs(np.broadcast_to(np.float32(0), shape)).shape


def roi_linear(size: int) -> Layout:
    """[out, channel * y * x] to [y * x * channel, out], for RoI features of `size` cells a side."""

    def ours(x: np.ndarray) -> np.ndarray:
        return x.reshape(len(x), -1, size, size).transpose(2, 3, 1, 0).reshape(-1, len(x))

    def theirs(x: np.ndarray) -> np.ndarray:
        x = x.reshape(size, size, -1, x.shape[-1])
        return x.transpose(3, 2, 0, 1).reshape(x.shape[-1], -1)

    return Layout(ours, theirs)


def bgr_convolution(std: Sequence[float]) -> Layout:
    """First convolution of a network whose input is BGR and not divided by the deviation.

    [out, BGR, h, w] to [h, w, RGB, out], times the deviation that our input was divided by, so that
    both give the same numbers.

    Args:
      std: of R, G, B.
    """
    factor = np.asarray(std, np.float32)[:, None]
    return Layout(
        lambda x: convolution.ours(x[:, ::-1]) * factor,
        lambda x: convolution.theirs(x / factor)[:, ::-1],
    )


def chain(first: Layout, second: Layout) -> Layout:
    """One layout after the other."""
    return Layout(lambda x: second.ours(first.ours(x)), lambda x: first.theirs(second.theirs(x)))


def _columns_first(x: np.ndarray) -> np.ndarray:
    return x.reshape(*x.shape[:-1], 2, 2, -1).swapaxes(-3, -2).reshape(x.shape)


def _cells_outermost(x: np.ndarray) -> np.ndarray:
    return x.reshape(*x.shape[:-1], -1, 4).swapaxes(-2, -1).reshape(x.shape)


def _cells_innermost(x: np.ndarray) -> np.ndarray:
    return x.reshape(*x.shape[:-1], 4, -1).swapaxes(-2, -1).reshape(x.shape)


# Last axis: 2x2 cells with all of their channels, from column by column to row by row.
cells_by_column = Layout(_columns_first, _columns_first)
# Last axis: 2x2 cells row by row, from channels outermost to cells outermost.
channels_of_cells = Layout(_cells_outermost, _cells_innermost)
# [C, 1, 1] to [C].
channel_scale = Layout(lambda x: x[:, 0, 0], lambda x: x[:, None, None])
# Arrays that need no change.
same = Layout(lambda x: x, lambda x: x)
# [1] to [].
scalar = Layout(lambda x: x.reshape(()), lambda x: x.reshape(1))
# [out, in, h, w] to [h, w, in, out].
convolution = Layout(lambda x: x.transpose(2, 3, 1, 0), lambda x: x.transpose(3, 2, 0, 1))
# [out, in, t, h, w] to [t, h, w, in, out].
convolution_3d = Layout(lambda x: x.transpose(2, 3, 4, 1, 0), lambda x: x.transpose(4, 3, 0, 1, 2))
# [out, in, 1, 1, 1] to [in, out].
pointwise_3d = Layout(lambda x: x[:, :, 0, 0, 0].T, lambda x: x.T[:, :, None, None, None])
# [1, 1, in, out] to [in, out]: TensorFlow's.
pointwise_last = Layout(lambda x: x[0, 0], lambda x: x[None, None])
# [h, w, C, 1] to [h, w, 1, C]: a convolution of each channel for itself, TensorFlow's.
depthwise_last = Layout(lambda x: x.swapaxes(2, 3), lambda x: x.swapaxes(2, 3))
# [out, in, 1, 1] to [in, out].
pointwise = Layout(lambda x: x[:, :, 0, 0].T, lambda x: x.T[:, :, None, None])
# [in, out, h, w] to [h, w, in, out].
transposed_convolution = Layout(
    lambda x: x.transpose(2, 3, 0, 1), lambda x: x.transpose(2, 3, 0, 1)
)
# [out, in] to [in, out].
linear = Layout(lambda x: x.T, lambda x: x.T)
