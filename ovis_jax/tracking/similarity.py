"""Detections to identities by how similar they look and how far their boxes overlap.

Source: CrossVIS, section 3.4, with the order of events of its code.
"""

import dataclasses

import jax
import jax.numpy as jnp

from ovis_jax.ops.boxes import EXCLUSIVE, BoxConvention
from ovis_jax.structures import Detections, FrameOutput
from ovis_jax.tracking.cues import TrackMemory, empty_memory, match_logits, remember
from ovis_jax.tracking.rules import mean_and_majority
from ovis_jax.tracking.tracker import every_track, frame_output

_ADDED_TO_UNION = 1e-5  # square pixels


@dataclasses.dataclass(frozen=True)
class SimilarityTracker:
    """Links detections to the objects of equal label that they are most similar to.

    Each detection chooses the object of its largest similarity, of equals the one that was first
    seen first; below `min_similarity` it starts an object. Of several that choose one object the
    strictly most similar keeps it, of equals the first; the others are dropped: they neither
    choose again nor start an object. Objects never end, and are compared as they were last seen.

    Attributes:
      min_similarity: of a detection and an object that are linked, from it on.
      convention: of boxes.
    """

    min_similarity: float = 0.4
    convention: BoxConvention = EXCLUSIVE

    track_rule = staticmethod(mean_and_majority)
    finish = staticmethod(every_track)

    def __post_init__(self):
        """Refuses thresholds that no pair, or a pair of different labels, could reach."""
        if not -1 < self.min_similarity <= 2:
            raise ValueError(
                f"min_similarity is {self.min_similarity}; expected -1 < min_similarity <= 2"
            )

    def init_memory(self, capacity: int, embedding_size: int) -> TrackMemory:
        """An empty memory for `capacity` objects."""
        return empty_memory(capacity, embedding_size)

    def similarities(self, memory: TrackMemory, detections: Detections) -> jax.Array:
        """Cosine of the embeddings plus overlap of the boxes, -1 for another label.

        An embedding of length 0 has the cosine 0 with all. (The published code divides by 0.)

        Returns:
          [D, M] in [-1, 2]; -inf for empty slots and for invalid detections.
        """
        occupied = jnp.arange(len(memory.labels)) < memory.count
        pairs = detections.valid[:, None] & occupied
        lengths = _lengths(detections.embeddings), _lengths(memory.embeddings)
        cosine = match_logits(memory, detections) / lengths[0][:, None] / lengths[1]
        iou = self.convention.iou(detections.boxes, memory.boxes, added_to_union=_ADDED_TO_UNION)
        equal = detections.labels[:, None] == memory.labels
        return jnp.where(pairs, jnp.where(equal, cosine + iou, -1), -jnp.inf)

    def step(self, memory: TrackMemory, detections: Detections) -> tuple[TrackMemory, FrameOutput]:
        """Gives the detections of a frame identities; those that have one are the output.

        New objects for which no slot is free get no identity and count as overflow.
        """
        similarities = self.similarities(memory, detections)
        links = similarities.max(axis=1) >= self.min_similarity
        new = jnp.where(links, -jnp.inf, jnp.inf)
        total = jnp.concatenate([new[:, None], similarities], axis=1)
        lost = memory.overflow
        memory, ids, kept = remember(memory, detections, total)
        return memory, frame_output(detections, ids, kept, memory.overflow - lost)


def _lengths(embeddings: jax.Array) -> jax.Array:
    """Euclidean lengths [N] of embeddings [N, E]; 1 for those of length 0."""
    lengths = jnp.linalg.norm(embeddings, axis=-1)
    return jnp.where(lengths == 0, 1, lengths)
