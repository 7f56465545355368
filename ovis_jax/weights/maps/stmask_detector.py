"""Names of the detector of COCO that the published STMask can begin with: YOLACT++ with FCA, FCB.

It has backbone, neck, towers, boxes, masks and prototypes of STMask, but follows nothing from frame
to frame, and its classes are those of COCO: their layers are left out, as the published code leaves
out what does not fit. The names are those of STMask's own files, whose code wrote these, too; no
such file was at hand when this was written.
"""

from ovis_jax.weights.maps import stmask
from ovis_jax.weights.maps.parts import COUNTERS, ModelSettings
from ovis_jax.weights.rules import NameMap

CONFIG, VARIANTS = stmask.CONFIG, stmask.VARIANTS
CLASSES = tuple(f"anchors/logits_{i}" for i in stmask.SHAPES)
TRACKS = (
    *(f"anchors/track_tower_{i}" for i in range(stmask.TOWER_CONVS)),
    *(f"anchors/embedding_{i}" for i in stmask.SHAPES),
    "shift",
)


def name_map(model: ModelSettings) -> NameMap:
    """The detector without its classes; what links and moves objects is newly initialised."""
    fresh = (*CLASSES, *TRACKS)
    rules, left_out = stmask.split_rules(model, fresh)
    unused = [name for name in left_out if not name.startswith("TemporalNet.")]
    return NameMap(rules, unused=(COUNTERS, *unused), fresh=fresh)
