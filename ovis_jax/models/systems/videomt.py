"""VidEoMT: a plain vision transformer whose queries live from frame to frame."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

import flax
import jax
import jax.numpy as jnp
from flax import linen as nn

from ovis_jax.models.backbones.vit import FrameTokens, VisionTransformer
from ovis_jax.models.clip_matching import CLIP, clip_objects
from ovis_jax.models.heads.query_masks import QueryMaskHead, QueryMasks
from ovis_jax.models.query_losses import PointDraws, QueryLosses
from ovis_jax.ops.means import Mean
from ovis_jax.ops.normalise import normalise_frames
from ovis_jax.ops.row_keys import RowKeys
from ovis_jax.structures import Clips, Features, FrameOutput, Instances, Window
from ovis_jax.tracking.bilinear_masks import paste_bilinear
from ovis_jax.tracking.paste import MaskRule
from ovis_jax.tracking.query_tracks import best_queries
from ovis_jax.tracking.rules import Track, TrackRule, mean_and_majority


@flax.struct.dataclass
class QueryMemory:
    """What a frame leaves behind for the next one.

    Attributes:
      queries: [Q, D] float32, the next frame's.
    """

    queries: jax.Array


class VidEoMT(nn.Module, kw_only=True):
    """Runs queries through the last blocks of each frame, and hands them on to the next frame.

    A query is an identity for the whole video: nothing is matched or suppressed. Source: Norouzi et
    al. 2026, VidEoMT: Your ViT is Secretly Also a Video Segmentation Model, and its published code.

    Attributes:
      encoder: frames to tokens.
      head: queries, and what they say.
      criterion: what training minimises.
      pixel_mean: of the frames' channels (RGB), which is subtracted from them.
      pixel_std: what they are divided by then.
      max_results: (query, class) pairs of a video that become tracks.
      normed_queries: queries are handed on after the final norm, not before it.
      labels: see `clip_objects`; "last_frame" as published.
      skip_last_auxiliary: as published, what the queries say before the last block is not taught.
      mix_clips: as published, final predictions of a batch stand in the order of frames and are
        read in that of clips, so that clips learn each other's objects.
      CLIP_FRAMES: frames of a clip that `losses` needs; it reads all.
      MASK_FRAMES: likewise; masks of all frames are read.
      ORACLES: none.
    """

    encoder: VisionTransformer
    head: QueryMaskHead
    criterion: QueryLosses
    pixel_mean: tuple[float, float, float]
    pixel_std: tuple[float, float, float]
    max_results: int = 20
    normed_queries: bool = False
    labels: str = CLIP
    skip_last_auxiliary: bool = False
    mix_clips: bool = False
    window_before: int = 0
    window_after: int = 0
    oracle: str = ""

    CLIP_FRAMES: ClassVar[int] = 1
    MASK_FRAMES: ClassVar[int] = 1
    ORACLES: ClassVar[tuple[str, ...]] = ()

    @property
    def mask_rule(self) -> MaskRule:
        """Mask logits of a frame to run lengths: grids over the whole canvas."""
        return paste_bilinear

    @property
    def track_rule(self) -> TrackRule:
        """`finish` gives tracks one score and one class."""
        return mean_and_majority

    def encode(self, frames: jax.Array, image_size: jax.Array) -> FrameTokens:
        """Tokens of frames [B, H, W, 3] uint8 RGB after the blocks without queries.

        Args:
          frames: on the padded canvas.
          image_size: [B, 2], (height, width) of the frames without padding.
        """
        return self.encoder(normalise_frames(frames, image_size, self.pixel_mean, self.pixel_std))

    def run_queries(
        self, tokens: FrameTokens, queries: jax.Array, auxiliary: bool = False
    ) -> tuple[jax.Array, list[QueryMasks]]:
        """The blocks with queries.

        Args:
          tokens: of frames.
          queries: [B, Q, D].
          auxiliary: whether to tell what the queries say before each of the blocks.

        Returns:
          What is handed on, [B, Q, D]; and predictions, those before the blocks and the final one.
        """
        batch, rows, columns, width = tokens.patches.shape
        flat = tokens.patches.reshape(batch, -1, width)
        x = jnp.concatenate([queries.astype(flat.dtype), tokens.first, flat], axis=1)
        predictions = []
        encoder = self.encoder
        for number in range(encoder.depth - encoder.query_blocks, encoder.depth):
            if auxiliary:
                said = encoder.norm(x) if self.normed_queries else x
                predictions.append(self._predict(said, (rows, columns)))
            x = encoder.block(number, x, (rows, columns))
        normed = encoder.norm(x)
        predictions.append(self._predict(normed, (rows, columns)))
        handed_on = (normed if self.normed_queries else x)[:, : queries.shape[1]]
        return handed_on, predictions

    def _predict(self, tokens: jax.Array, grid: tuple[int, int]) -> QueryMasks:
        num_queries = self.head.num_queries
        patches = tokens[:, -grid[0] * grid[1] :].reshape(len(tokens), *grid, -1)
        return self.head(tokens[:, :num_queries], patches)

    def init_memory(self, capacity: int, features: Features) -> QueryMemory:
        """The queries of a first frame; `capacity` means nothing here."""
        del capacity, features
        return QueryMemory(self.head.first())

    def step(self, memory: QueryMemory, window: Window) -> tuple[QueryMemory, FrameOutput]:
        """Runs the queries on the window's frame; each is an object with its number as identity."""
        rows, (said,) = self.run_queries(window.features, memory.queries[None])
        num_queries = self.head.num_queries
        logits, masks = said.class_logits[0], said.mask_logits[0]
        probs = jax.nn.softmax(logits)[:, :-1]
        in_x, in_y = jnp.broadcast_to(window.scale, 2)
        height, width = (self.encoder.patch * n for n in window.features.patches.shape[1:3])
        canvas = jnp.stack([0 * in_x, 0 * in_y, width / in_x, height / in_y])
        output = FrameOutput(
            ids=jnp.arange(num_queries),
            scores=probs.max(-1),
            labels=probs.argmax(-1).astype(jnp.int32),
            boxes=jnp.broadcast_to(canvas, (num_queries, 4)),
            mask_logits=masks,
            mask_boxes=jnp.broadcast_to(canvas, (num_queries, 4)),
            valid=jnp.ones(num_queries, bool),
            overflow=jnp.int32(0),
            class_scores=logits,
        )
        return QueryMemory(self.head.next(rows[0])), output

    @nn.nowrap
    def finish(self, memory: QueryMemory, tracks: list[Track]) -> list[Track]:
        """The best (query, class) pairs of the whole video; see `best_queries`."""
        del memory
        return best_queries(tracks, self.max_results)

    def predict_clips(self, batch: Clips) -> list[QueryMasks]:
        """What the queries say of clips, [B, T, Q, ...]: before each block, and in the end."""
        clips, num_frames = batch.frames.shape[:2]
        frames = batch.frames.reshape(clips * num_frames, *batch.frames.shape[2:])
        tokens = self.encode(frames, jnp.repeat(batch.image_size, num_frames, axis=0))
        by_time = jax.tree.map(
            lambda x: jnp.swapaxes(x.reshape(clips, num_frames, *x.shape[1:]), 0, 1), tokens
        )

        def frame(system, queries, own):
            rows, said = system.run_queries(own, queries, auxiliary=True)
            return system.head.next(rows), said

        scan = nn.scan(frame, variable_broadcast="params", split_rngs={"params": False})
        first = jnp.broadcast_to(
            self.head.first(), (clips, self.head.num_queries, self.encoder.width)
        )
        _, said = scan(self, first, by_time)
        *before, final = said
        if self.mix_clips:
            final = jax.tree.map(lambda x: x.reshape(clips, num_frames, *x.shape[2:]), final)
            return [*_by_clip(before), final]
        return _by_clip(said)

    def losses(self, batch: Clips, keys: RowKeys) -> tuple[dict[str, Mean], dict[str, Mean]]:
        """Losses of a batch; the sum of their values is minimised.

        Args:
          batch: B clips with masks of all frames.
          keys: of the B rows, for the points at which masks are compared.

        Raises:
          ValueError: masks of some frames are missing.
        """
        shape = batch.frames.shape[1], batch.instances.valid.shape[-1]
        kinds = keys.split(self.num_predictions)
        draw = jax.vmap(lambda key: self.criterion.draw(key, *shape))
        return self.drawn_losses(batch, [draw(own.each) for own in kinds])

    @property
    def num_predictions(self) -> int:
        """Predictions that are taught: before the blocks, and the final one."""
        return self.encoder.query_blocks + 1 - self.skip_last_auxiliary

    def drawn_losses(
        self, batch: Clips, draws: list[PointDraws]
    ) -> tuple[dict[str, Mean], dict[str, Mean]]:
        """Losses with the points of each prediction, [B, ...]; the final one is the last."""
        if batch.instances.masks.shape[1] != batch.frames.shape[1]:
            raise ValueError(
                f"clips have masks of {batch.instances.masks.shape[1]} of "
                f"{batch.frames.shape[1]} frames; expected all (config.data.clip.mask_frames)"
            )
        return self.prediction_losses(self.predict_clips(batch), batch.instances, draws)

    def prediction_losses(
        self, predictions: Sequence[QueryMasks], instances: Instances, draws: list[PointDraws]
    ) -> tuple[dict[str, Mean], dict[str, Mean]]:
        """Losses of `predict_clips`, [B, ...], with the points of each that is taught."""
        *before, final = predictions
        before = before[:-1] if self.skip_last_auxiliary else before
        num_classes = self.head.num_classes
        objects = jax.vmap(lambda own: clip_objects(own, num_classes, self.labels))(instances)
        losses, unmatched = {}, None
        names = [f"_before_{number}" for number in range(len(before))] + [""]
        for name, said, points in zip(names, [*before, final], draws, strict=True):
            own, unmatched = jax.vmap(self.criterion)(said, objects, points)
            losses |= {
                f"{kind}{name}": Mean(x.total.sum(), x.count.sum()) for kind, x in own.items()
            }
        metrics = {
            "unmatched_objects": Mean.of(unmatched),
            "lost_objects": Mean.of(objects.lost),
        }
        return losses, metrics

    def initialise(self, frames: jax.Array) -> None:
        """Touches every part once, so that `init` makes all parameters; frames [B, H, W, 3]."""
        tokens = self.encode(frames, jnp.full((len(frames), 2), frames.shape[1]))
        first = self.head.first()
        queries = jnp.broadcast_to(first, (len(frames), *first.shape))
        rows, _ = self.run_queries(tokens, queries)
        self.head.next(rows)


def _by_clip(predictions: list[QueryMasks]) -> list[QueryMasks]:
    """[T, B, ...] to [B, T, ...]."""
    return jax.tree.map(lambda x: jnp.swapaxes(x, 0, 1), list(predictions))
