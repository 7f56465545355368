"""FEELVOS for instances of videos: detections begin tracks, whose masks are propagated."""

from __future__ import annotations

from typing import ClassVar

import flax
import jax
import jax.numpy as jnp
from flax import linen as nn

from ovis_jax.models.heads.propagation import (
    EmbeddingHead,
    PropagationHead,
    object_cues,
    propagation_loss,
)
from ovis_jax.models.oracles import ADAPTIVE_NMS
from ovis_jax.models.propagated_objects import (
    STRIDE,
    PropagationMemory,
    cells_inside,
    empty_memory,
    frame_output,
    remembered,
    spread_references,
    taught_objects,
)
from ovis_jax.models.references import query_features
from ovis_jax.models.systems.mask_track_rcnn import MaskTrackRCNN
from ovis_jax.models.systems.online import Pyramid
from ovis_jax.ops.boxes import corner_factors
from ovis_jax.ops.masks import draw_masks
from ovis_jax.ops.means import Mean
from ovis_jax.ops.normalise import normalise_frames
from ovis_jax.ops.resize import resize_bilinear
from ovis_jax.ops.row_keys import RowKeys
from ovis_jax.structures import Clips, Detections, Features, FrameOutput, Window
from ovis_jax.tracking.competing_masks import paste_competing
from ovis_jax.tracking.paste import MaskRule
from ovis_jax.tracking.propagation import PropagationRules, link
from ovis_jax.tracking.rules import TrackRule, mean_of_detected

_NO_LOGIT = -1e9  # of an object that does not exist: its probability is 0
_MIDDLE = (127.5, 127.5, 127.5)  # from [0, 255] to [-1, 1]: what is subtracted, then divided by


@flax.struct.dataclass
class TwoFeatures:
    """What frames are encoded to where detector and propagation have a network each.

    Attributes:
      pixels: [B, H / 4, W / 4, C], what propagation reads.
      pyramid: what the detector reads.
    """

    pixels: jax.Array
    pyramid: Pyramid


class Feelvos(MaskTrackRCNN, kw_only=True):
    """MaskTrack R-CNN's detections begin tracks, which are propagated by distances of pixels.

    The network of FEELVOS stands on the finest level of the detector's pyramid and is trained with
    it; or, as published, on a network of its own. How FEELVOS was used for instances of videos was
    never published: this is a reading, docs/feelvos.md. Source: Voigtlaender et al. 2019, FEELVOS:
    Fast End-to-End Embedding Learning for Video Object Segmentation, and its published code.

    Attributes:
      embedding: features of pixels to their embeddings.
      propagation: what is known of objects to their logits.
      rules: when tracks begin and end.
      max_objects: M of a training clip.
      reference_pixels: S, of each object, that all pixels are compared with.
      radius: of the window in the previous frame, in cells of the maps.
      hardest_share: of the pixels of a frame that the loss counts.
      xception: frames in [-1, 1] to the two maps that `deeplab` makes the features of pixels of; or
        None: these are the finest level of the detector's pyramid.
      deeplab: see `xception`.
    """

    embedding: EmbeddingHead
    propagation: PropagationHead
    rules: PropagationRules = PropagationRules()
    max_objects: int = 10
    reference_pixels: int = 1024
    radius: int = 15
    hardest_share: float = 0.15
    xception: nn.Module | None = None
    deeplab: nn.Module | None = None

    CLIP_FRAMES: ClassVar[int] = 2
    MASK_FRAMES: ClassVar[int] = 2
    ORACLES: ClassVar[tuple[str, ...]] = (ADAPTIVE_NMS,)

    @property
    def mask_rule(self) -> MaskRule:
        """Mask logits of a frame to run lengths: grids over the canvas; no two masks overlap."""
        return paste_competing

    @property
    def track_rule(self) -> TrackRule:
        """What is said of a track in the frames in which it was detected."""
        return mean_of_detected

    def encode(self, frames: jax.Array, image_size: jax.Array) -> Features:
        """What `step` reads of frames: the pyramid, or `TwoFeatures` with it."""
        pyramid = self.pyramid(frames, image_size)
        if self.xception is None:
            return pyramid
        return TwoFeatures(self.pixels(frames, image_size), pyramid)

    def pixels(self, frames: jax.Array, image_size: jax.Array) -> jax.Array:
        """Features [B, H / 4, W / 4, C] of pixels, from the network of their own.

        Args:
          frames: [B, H, W, 3] uint8 RGB, on the padded canvas.
          image_size: [B, 2], (height, width) of the frames without padding.
        """
        scaled = normalise_frames(frames, image_size, _MIDDLE, _MIDDLE)
        return self.deeplab(self.xception(scaled))

    def encode_clips(self, batch: Clips) -> tuple[jax.Array, Pyramid, Pyramid]:
        """Features [B, T, h, w, C] of pixels, and pyramids of each clip's first two frames."""
        clips, num_frames = batch.frames.shape[:2]
        frames = batch.frames.reshape(clips * num_frames, *batch.frames.shape[2:])
        sizes = jnp.repeat(batch.image_size, num_frames, axis=0)
        if self.xception is not None:
            pixels = self.pixels(frames, sizes)
            return pixels.reshape(clips, num_frames, *pixels.shape[1:]), *self.encode_pairs(batch)
        levels = self.pyramid(frames, sizes)
        of_frames = [x.reshape(clips, num_frames, *x.shape[1:]) for x in levels]
        query, reference = (tuple(x[:, t] for x in of_frames) for t in (0, 1))
        return of_frames[0], query, reference

    def losses(self, batch: Clips, keys: RowKeys) -> tuple[dict[str, Mean], dict[str, Mean]]:
        """Losses of a batch, those of the detector among them.

        Args:
          batch: B clips with masks of all T frames. The detector learns from the first two. For
            propagation the first frame is the reference, the last one is to be told, and the one
            before it is the previous frame, known as it is annotated.
          keys: of the B rows, for the sampling of anchors, RoIs and reference pixels.
        """
        pixels, query, reference = self.encode_clips(batch)
        detector_keys, own_keys = keys.split(2)
        losses, metrics = self.pair_losses(batch, detector_keys, query, reference)
        taught = jax.vmap(lambda own: taught_objects(own, self.max_objects))(batch.instances)
        losses["propagation"] = self.propagation_loss(pixels, taught, batch.image_size, own_keys)
        lost = batch.instances_of(0).valid.sum(-1) - self.max_objects
        metrics["lost_objects"] = Mean.of(jnp.maximum(lost, 0))
        return losses, metrics

    def propagation_loss(
        self,
        features: jax.Array,
        taught: tuple[jax.Array, jax.Array],
        image_size: jax.Array,
        keys: RowKeys,
    ) -> Mean:
        """Loss of the last frame of each clip, a mean over clips; see `losses`.

        Args:
          features: [B, T, h, w, C], of pixels.
          taught: labels [B, T, H, W] and objects [B, M] of `taught_objects`.
          image_size: [B, 2].
          keys: of the rows.
        """
        clips, num_frames, *shape = features.shape[:4]
        labels, exists = taught
        flat = features.reshape(clips * num_frames, *features.shape[2:])
        embeddings = self.embedding(flat).reshape(clips, num_frames, *shape, -1)
        cells = labels[:, :, STRIDE // 2 :: STRIDE, STRIDE // 2 :: STRIDE]
        count = 1 + exists.shape[1]

        def cues(clip):
            embeddings, cells, size, key = clip
            owners = jnp.where(cells_inside(size, shape, STRIDE), cells, -1)
            shift = jax.random.uniform(key)
            references = spread_references(
                embeddings[0], owners[0], count, self.reference_pixels, shift
            )
            previous = embeddings[-2], jax.nn.one_hot(owners[-2], count), owners[-2]
            return object_cues(embeddings[-1], references.both, previous, self.radius)

        def loss(logits, exists, labels, size):
            logits = resize_bilinear(logits, *labels.shape)
            logits = jnp.where(jnp.pad(exists, (1, 0), constant_values=True), logits, _NO_LOGIT)
            inside = cells_inside(size, labels.shape, 1)
            return propagation_loss(logits, labels, inside, self.hardest_share)

        # One clip after the other: the squares of many pairs of pixels are large.
        known = jax.lax.map(cues, (embeddings, cells, image_size, keys.each))
        logits = self.propagation(features[:, -1], known)
        return Mean.of(jax.vmap(loss)(logits, exists, labels[:, -1], image_size))

    def init_memory(self, capacity: int, features: Features) -> PropagationMemory:
        """Empty memory for `capacity` tracks that are live at once."""
        pixels, _ = pixels_and_pyramid(features)
        return empty_memory(capacity, pixels.shape[:2], self.embedding.size, self.reference_pixels)

    def step(
        self, memory: PropagationMemory, window: Window
    ) -> tuple[PropagationMemory, FrameOutput]:
        """Propagates the tracks to a window's query frame and compares them with its detections."""
        features, _ = pixels_and_pyramid(query_features(window, self.window_before))
        embeddings = self.embedding(features)[0]
        logits = self.propagate(features, embeddings, memory)
        inside = cells_inside(window.image_size, embeddings.shape[:2], STRIDE)
        probs = jax.nn.softmax(logits)
        owners = jnp.where(inside, jnp.argmax(logits, axis=-1), -1).astype(jnp.int32)
        found = self.detect(window.replace(features=pixels_and_pyramid(window.features)[1]))
        drawn = self.draw(found, window.scale, owners.shape)
        scored = found.scores, found.labels, found.valid
        tracks, owners, links = link(memory.tracks, owners, drawn > 0.5, scored, self.rules)
        memory = remembered(memory, tracks, links, (embeddings, probs, owners))
        return memory, frame_output(memory, links, (logits, drawn), found, window.scale)

    def propagate(
        self, features: jax.Array, embeddings: jax.Array, memory: PropagationMemory
    ) -> jax.Array:
        """Logits [h, w, 1 + M] of background and of the slots of the memory.

        Args:
          features: [1, h, w, C], of the frame's pixels.
          embeddings: [h, w, E] of the frame.
          memory: before the frame.
        """
        previous = memory.embeddings, memory.probs, memory.owners
        known = object_cues(embeddings, memory.references.both, previous, self.radius)
        logits = self.propagation(features, known[None])[0]
        exists = jnp.pad(memory.tracks.live, (1, 0), constant_values=True)
        return jnp.where(exists, logits, _NO_LOGIT)

    def draw(self, detections: Detections, scale: jax.Array, shape: tuple[int, int]) -> jax.Array:
        """Probabilities [D, h, w] of the masks of detections, in cells of `STRIDE` pixels."""
        valid = detections.valid
        boxes = jnp.where(valid[:, None], detections.mask_boxes, 0) * corner_factors(scale)
        edges = boxes.at[:, 2:].add(float(self.convention.inclusive))
        probs = jax.nn.sigmoid(jnp.where(valid[:, None, None], detections.mask_logits, 0))
        return draw_masks(probs, edges, shape, STRIDE)

    def initialise(self, frames: jax.Array) -> None:
        """Touches every part once, so that `init` makes all parameters; frames [B, H, W, 3]."""
        super().initialise(frames)
        pixels, _ = pixels_and_pyramid(self.encode(frames, jnp.zeros((len(frames), 2))))
        embeddings = self.embedding(pixels)
        self.propagation(pixels, jnp.zeros((*embeddings.shape[:3], 1, 3)))


def pixels_and_pyramid(features: Features) -> tuple[jax.Array, Pyramid]:
    """The parts of what `Feelvos.encode` gives: of pixels, and the detector's pyramid."""
    if isinstance(features, TwoFeatures):
        return features.pixels, features.pyramid
    return features[0], features
