"""A model, data and configuration so small that whole runs take seconds."""

import itertools

import jax
import jax.numpy as jnp
import numpy as np
from flax import linen as nn

from configs.parts.mask_track_rcnn import mask_track_rcnn_r50
from ovis_jax.data.clips import ClipShape, empty_clip
from ovis_jax.formats.annotations import Category
from ovis_jax.models.batch_norm import BatchNorm
from ovis_jax.ops.means import Mean
from ovis_jax.ops.row_keys import RowKeys


class ToyModel(nn.Module):
    """Predicts the mean of a frame's middle cell from a frozen and a trained convolution."""

    channels: int = 4

    CLIP_FRAMES = 2
    MASK_FRAMES = 1

    @nn.compact
    def losses(self, batch, keys):
        scale = self.variable("batch_stats", "scale", jnp.ones, (1,)).value
        x = nn.Conv(self.channels, (3, 3), name="stem")(batch.frames[:, 0] * scale)
        x = nn.relu(nn.Conv(self.channels, (3, 3), name="body")(x))
        features = x.mean((1, 2))
        prediction = nn.Dense(1, name="head")(features)[:, 0]
        error = prediction - batch.frames[:, 1].mean((1, 2, 3))
        spread = (features**2).mean(-1)
        losses = {"fit": Mean.of(error**2), "spread": Mean.of(0.1 * spread)}
        return losses, {"error": Mean.of(jnp.abs(error))}


class NormedToy(nn.Module):
    """With batch norm, whose running statistics training moves."""

    CLIP_FRAMES = 2
    MASK_FRAMES = 1

    @nn.compact
    def losses(self, batch, keys):
        x = nn.Conv(4, (3, 3), name="stem")(batch.frames[:, 0])
        x = nn.relu(BatchNorm(name="norm")(x, training=True))
        prediction = nn.Dense(1, name="head")(x.mean((1, 2)))[:, 0]
        return {"fit": Mean.of((prediction - batch.frames[:, 1].mean((1, 2, 3))) ** 2)}, {}


def init_toy(model, key):
    """Fresh variables."""
    return model.init(key, toy_batch(2, 0), RowKeys.of(key, 2), method="losses")


class ToyData:
    """Random frames; batch `i` is a function of the seed and `i`."""

    path = "toy"
    num_samples = 40
    num_dropped = 3
    categories = tuple(Category(number, f"category {number}") for number in range(1, 26))
    num_categories = len(categories)

    def describe(self, sample):
        return f"video {sample // 4} (toy), frame {sample % 4}"

    def batches_per_epoch(self, batch_size):
        return self.num_samples // batch_size


def toy_batches(data, *, batch_size, seed, start_step=0, host_index=0, host_count=1, loader="auto"):
    rows = batch_size // host_count
    own = slice(host_index * rows, (host_index + 1) * rows)
    for step in itertools.count(start_step):
        yield jax.tree.map(lambda x: x[own], toy_batch(batch_size, (seed, step)))


def toy_batch(batch_size, seed):
    rng = np.random.default_rng(seed)
    batch = empty_clip(16, 16, ClipShape(2, 1, 2), leading=(batch_size,))
    batch.image_size[:] = 16
    batch.instances.boxes[:] = 2, 3, 9, 12
    batch.instances.identities[:] = 5
    batch.instances.valid[..., 0] = True
    frames = [rng.normal(size=(batch_size, 16, 16, 3)).astype(np.float32) for _ in range(2)]
    sample = rng.integers(0, ToyData.num_samples, batch_size, dtype=np.int32)
    return batch.replace(frames=np.stack(frames, axis=1), sample=sample)


def toy_config(**train):
    """The shared defaults with a short schedule."""
    config = mask_track_rcnn_r50()
    config.train.update(
        batch_size=8,
        num_steps=6,
        learning_rate=0.1,
        warmup_steps=2,
        frozen=("stem",),
        log_every=2,
        checkpoint_every=3,
    )
    config.train.update(train)
    return config.lock()
