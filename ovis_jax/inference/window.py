"""Buffer of encoded frames t - before ... t + after, from which the windows of a video are cut."""

import flax
import jax
import jax.numpy as jnp

from ovis_jax.structures import Features, Instances


@flax.struct.dataclass
class EncodedFrames:
    """Consecutive encoded frames of one video; frames beyond its ends stand there as not existing.

    Attributes:
      features: arrays [T, ...] each; anything where a frame does not exist.
      exists: [T] bool.
      truth: Instances [T, N, ...] without masks, for an oracle; or None.
    """

    features: Features
    exists: jax.Array
    truth: Instances | None = None


def empty_frames(frames: EncodedFrames, count: int) -> EncodedFrames:
    """Frames before the start of a video.

    Args:
      frames: those [T, ...] (or their shapes) that will follow; T is not used.
      count: number of frames, `before + after` for a window's buffer.
    """
    return jax.tree.map(lambda x: jnp.zeros((count, *x.shape[1:]), x.dtype), frames)


def frame_shapes(features: Features) -> Features:
    """Shapes and types of the features of one frame, of arrays [T, ...]: no numbers."""
    return jax.tree.map(lambda x: jax.ShapeDtypeStruct(x.shape[1:], x.dtype), features)


def append(buffer: EncodedFrames, frames: EncodedFrames) -> EncodedFrames:
    """The frames of `buffer` followed by `frames`."""
    return jax.tree.map(lambda a, b: jnp.concatenate([a, b]), buffer, frames)


def last(frames: EncodedFrames, count: int) -> EncodedFrames:
    """The last `count` frames: the buffer that the next frames are appended to."""
    return jax.tree.map(lambda x: x[len(x) - count :], frames)


def cut(frames: EncodedFrames, start: jax.Array, length: int) -> EncodedFrames:
    """Frames `start ... start + length - 1`; `start` may be traced."""
    return jax.tree.map(lambda x: jax.lax.dynamic_slice_in_dim(x, start, length), frames)
