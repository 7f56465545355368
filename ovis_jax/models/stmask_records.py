"""Records of STMask that travel between its stages."""

from __future__ import annotations

import flax
import jax

from ovis_jax.models.heads.shape_anchors import AnchorMaps
from ovis_jax.models.heads.track_shift import FrameMaps
from ovis_jax.tracking.shifted import MaskedBoxes


@flax.struct.dataclass
class EncodedFrame:
    """What `step` reads of a frame; leading axes of frames are left out here.

    Attributes:
      detections: MaskedBoxes [D, ...].
      prototypes: [H / 4, W / 4, C].
      shift: maps that objects are moved by.
    """

    detections: MaskedBoxes
    prototypes: jax.Array
    shift: FrameMaps


@flax.struct.dataclass
class FramePredictions:
    """What the heads say of frames [F, ...].

    Attributes:
      maps: of all anchors.
      anchors: [A, 4].
      prototypes: [F, H / 4, W / 4, C].
      shift: maps that objects are moved by.
    """

    maps: AnchorMaps
    anchors: jax.Array
    prototypes: jax.Array
    shift: FrameMaps
