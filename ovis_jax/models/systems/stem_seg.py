"""STEm-Seg: instances are clusters of embeddings in space and time."""

from __future__ import annotations

from typing import ClassVar

import jax
import jax.numpy as jnp
from flax import linen as nn

from ovis_jax.models import clip_pixels
from ovis_jax.models.clip_matching import ClipObjects, clip_objects
from ovis_jax.models.clip_memory import ClipMemory, DecodedClips, empty_memory
from ovis_jax.models.heads.cluster_embedding import (
    SPACE,
    ClusterEmbeddingHead,
    PixelEmbeddings,
    embedding_losses,
)
from ovis_jax.models.heads.semantic import (
    SemanticHead,
    SemanticLogits,
    semantic_losses,
    semantic_targets,
)
from ovis_jax.ops.clip_schedule import NEVER, ClipSchedule
from ovis_jax.ops.clustering import ClusterRules
from ovis_jax.ops.masks import quarter_masks
from ovis_jax.ops.means import Mean
from ovis_jax.ops.normalise import normalise_frames
from ovis_jax.ops.row_keys import RowKeys
from ovis_jax.structures import Clips, Features, FrameOutput, Window
from ovis_jax.tracking.bilinear_masks import paste_bilinear
from ovis_jax.tracking.longest_tracks import longest_tracks
from ovis_jax.tracking.paste import MaskRule
from ovis_jax.tracking.rules import Track, TrackRule, mean_and_majority
from ovis_jax.tracking.stitch import StitchRules, stitch

Pyramid = tuple[jax.Array, ...]
LEVELS = 4


class StemSeg(nn.Module, kw_only=True):
    """Embeds the pixels of clips, clusters them, and stitches the clusters of clips together.

    Nothing is detected first. Source: Athar et al. 2020, STEm-Seg: Spatio-temporal Embeddings for
    Instance Segmentation in Videos, and its published code.

    Attributes:
      backbone: frames to C2...C5.
      neck: C2...C5 to P2...P5, and perhaps more, which is not read.
      embedding: pyramids of a clip to embeddings of its pixels.
      semantic: likewise to their classes, and what is foreground.
      pixel_mean: of the frames' channels (RGB), which is subtracted from them.
      pixel_std: what they are divided by then.
      schedule: how videos are cut into clips in prediction.
      clustering: of the pixels of a clip.
      stitching: of the clusters of clips.
      enlarged: 1: pixels are clustered at the finest level; 4, as published for YouTube-VIS: at the
        size of the canvas, to which all maps are enlarged first.
      max_tracks: of a video.
      weights: what the losses count.
      shifted_targets: as published, an instance without a pixel at the finest level lets those
        after it learn each other's masks; see `instance_targets`.
      CLIP_FRAMES: frames of a clip that `losses` needs; it reads all.
      MASK_FRAMES: likewise; masks of all frames are read.
      ORACLES: none.
    """

    backbone: nn.Module
    neck: nn.Module
    embedding: ClusterEmbeddingHead
    semantic: SemanticHead
    pixel_mean: tuple[float, float, float]
    pixel_std: tuple[float, float, float]
    schedule: ClipSchedule = ClipSchedule()
    clustering: ClusterRules = ClusterRules()
    stitching: StitchRules = StitchRules()
    enlarged: int = 1
    max_tracks: int = 10
    weights: clip_pixels.LossWeights = clip_pixels.LossWeights()
    shifted_targets: bool = False
    oracle: str = ""

    CLIP_FRAMES: ClassVar[int] = 1
    MASK_FRAMES: ClassVar[int] = 1
    ORACLES: ClassVar[tuple[str, ...]] = ()

    @property
    def window_before(self) -> int:
        """Frames before a query frame that its clip may hold."""
        return self.schedule.before

    @property
    def window_after(self) -> int:
        """Frames after it that the clips around it may hold."""
        return self.schedule.after

    @property
    def mask_rule(self) -> MaskRule:
        """Masks of a frame to run lengths: grids over the whole canvas."""
        return paste_bilinear

    @property
    def track_rule(self) -> TrackRule:
        """`finish` gives tracks one score and one class."""
        return mean_and_majority

    def encode(self, frames: jax.Array, image_size: jax.Array) -> Pyramid:
        """P2...P5 of frames [B, H, W, 3] uint8 RGB.

        Args:
          frames: on the padded canvas.
          image_size: [B, 2], (height, width) of the frames without padding.
        """
        normalised = normalise_frames(frames, image_size, self.pixel_mean, self.pixel_std)
        return self.pyramid(normalised)

    def pyramid(self, normalised: jax.Array) -> Pyramid:
        """P2...P5 of normalised frames [B, H, W, 3]."""
        return self.neck(self.backbone(normalised))[:LEVELS]

    def decode(self, pyramid: Pyramid) -> tuple[PixelEmbeddings, SemanticLogits]:
        """What is said of the pixels of clips, [B, T, h, w, ...], from pyramids of their frames."""
        return self.embedding(pyramid), self.semantic(pyramid)

    def init_memory(self, capacity: int, features: Features) -> ClipMemory:
        """Before the first frame of a video; its size follows from that of the features."""
        del capacity
        return empty_memory(
            self.schedule,
            features[0].shape[:2],
            enlarged=self.enlarged,
            num_clusters=self.clustering.max_clusters,
            num_classes=self.semantic.num_classes,
            embedding_size=SPACE + self.embedding.free_dims,
        )

    def step(self, memory: ClipMemory, window: Window) -> tuple[ClipMemory, FrameOutput]:
        """The objects of the window's frame.

        A frame that no clip has covered yet needs the next clip: it is decoded, and all those that
        share frames with it, as the mean of their logits says what is foreground.
        """
        covered = (memory.start != NEVER) & (memory.frame < memory.start + self.schedule.num_frames)
        memory = nn.cond(
            covered,
            lambda system, memory, window: memory,
            lambda system, memory, window: system.next_clip(memory, window),
            self,
            memory,
            window,
        )
        output = clip_pixels.frame_output(memory, self.schedule, self.enlarged, window.scale)
        return memory.replace(frame=memory.frame + 1), output

    def next_clip(self, memory: ClipMemory, window: Window) -> ClipMemory:
        """Decodes, clusters and stitches the next clip; its first new frame is the query frame."""
        seen = jnp.sum(window.valid[self.window_before :])
        # Of a video that goes on behind the window, any length gives the same clips.
        length = memory.frame + seen + (seen == self.window_after + 1) * self.schedule.num_frames
        start = self.schedule.next_start(memory.start, length)
        end = start + self.schedule.num_frames
        decoded = self._decode_until(memory, window, end, length)
        frames = self.schedule.frames(start)
        clusters = clip_pixels.cluster_clip(
            decoded.pixels_of(start),
            clip_pixels.mean_foreground(decoded, self.schedule, frames),
            self.schedule.newest(start),
            self.clustering,
            self.enlarged,
        )
        known = clip_pixels.known_frames(memory, self.schedule, frames)
        before = memory.start + self.schedule.num_frames
        shared = (memory.start != NEVER) & (frames < before)
        known = stitch(known, clusters, shared, self.stitching)
        return memory.replace(start=start, known=known, decoded=decoded)

    def _decode_until(
        self, memory: ClipMemory, window: Window, end: jax.Array, length: jax.Array
    ) -> DecodedClips:
        """All clips that start before a frame."""
        first = memory.frame - self.window_before  # frame in the window's first place

        def goes_on(system, decoded):
            following = system.schedule.next_start(decoded.newest, length)
            return (following != NEVER) & (following < end)

        def decode(system, decoded):
            start = system.schedule.next_start(decoded.newest, length)
            places = system.schedule.frames(start) - first
            pyramid = jax.tree.map(lambda x: x[places][None], window.features)
            said = jax.tree.map(lambda x: x[0], system.decode(pyramid))
            return decoded.append(start, *said)

        return nn.while_loop(goes_on, decode, self, memory.decoded)

    @nn.nowrap
    def finish(self, memory: ClipMemory, tracks: list[Track]) -> list[Track]:
        """The longest tracks of the whole video; see `longest_tracks`."""
        del memory
        return longest_tracks(tracks, self.max_tracks)

    def losses(self, batch: Clips, keys: RowKeys) -> tuple[dict[str, Mean], dict[str, Mean]]:
        """Losses of a batch, means over clips; the sum of their values is minimised.

        Args:
          batch: B clips with masks of all frames.
          keys: not read.

        Raises:
          ValueError: masks of some frames are missing.
        """
        del keys
        clips, num_frames = batch.frames.shape[:2]
        if batch.instances.masks.shape[1] != num_frames:
            raise ValueError(
                f"clips have masks of {batch.instances.masks.shape[1]} of {num_frames} frames; "
                "expected all (config.data.clip.mask_frames)"
            )
        frames = batch.frames.reshape(clips * num_frames, *batch.frames.shape[2:])
        levels = self.encode(frames, jnp.repeat(batch.image_size, num_frames, axis=0))
        said = self.decode(tuple(x.reshape(clips, num_frames, *x.shape[1:]) for x in levels))
        num_classes = self.semantic.num_classes
        objects = jax.vmap(lambda own: clip_objects(own, num_classes))(batch.instances)
        losses = jax.vmap(self.clip_losses)(*said, objects)
        metrics = {"lost_objects": Mean.of(objects.lost)}
        return {name: Mean.of(values) for name, values in losses.items()}, metrics

    @nn.nowrap
    def clip_losses(
        self,
        pixels: PixelEmbeddings,
        logits: SemanticLogits,
        objects: ClipObjects,
        ignored: jax.Array | None = None,
    ) -> dict[str, jax.Array]:
        """Weighted losses of one clip, [] float32 each.

        Args:
          pixels: what is said of them, [T, h, w, ...].
          logits: likewise.
          objects: of the clip.
          ignored: [T, h, w] bool, see `embedding_losses` and `semantic_losses`.
        """
        masks = jnp.swapaxes(quarter_masks(objects.masks), 0, 1)  # [M, T, h, w]
        masks = masks & objects.valid[:, None, None, None]
        parts = embedding_losses(pixels, masks, ignored, self.shifted_targets)
        targets = semantic_targets(masks, objects.labels)
        semantic, foreground = semantic_losses(logits, targets, ignored)
        losses = {name: mean.value for name, mean in parts.items()}
        losses |= {"semantic": semantic, "foreground": foreground}
        return {name: getattr(self.weights, name) * value for name, value in losses.items()}

    def initialise(self, frames: jax.Array) -> None:
        """Touches every part once, so that `init` makes all parameters; frames [B, H, W, 3]."""
        levels = self.encode(frames, jnp.full((len(frames), 2), frames.shape[1]))
        self.decode(tuple(x[:, None] for x in levels))
