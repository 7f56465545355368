"""Names of the published TraDeS for MOT17, CrowdHuman and nuScenes, which draw no masks.

Backbone, neck, motion, offsets and sizes are those of the model for instance segmentation. Classes
are others, and there are heads for what this package does not predict: these are left out by name.
The names of those heads are CenterTrack's. No such file was at hand when this was written.
"""

from ovis_jax.weights.maps import trades
from ovis_jax.weights.maps.parts import COUNTERS, ModelSettings
from ovis_jax.weights.rules import NameMap

CLASSES = "hm.2.*"
# Boxes beyond the frame, shifts; and of nuScenes: depth, angles, sizes, velocities, attributes.
OTHER_HEADS = (
    "ltrb.*",
    "ltrb_amodal.*",
    "tracking.*",
    "dep.*",
    "rot.*",
    "dim.*",
    "amodel_offset.*",
    "velocity.*",
    "nuscenes_att.*",
)
CONFIG, VARIANTS = trades.CONFIG, trades.VARIANTS


def name_map(model: ModelSettings) -> NameMap:
    """All that a model for instance segmentation reads; what draws masks is newly initialised."""
    trades.check_trunk(model)
    rules = trades.trunk_rules() | trades.motion_rules() | trades.center_rules()
    left_out = ("hm.2.", "conv_weight.")
    return NameMap(
        {name: rule for name, rule in rules.items() if not name.startswith(left_out)},
        unused=(COUNTERS, *trades.UNREAD, CLASSES, *OTHER_HEADS),
        fresh=("center/heat", "center/network", "center/network_conv", "seg"),
    )
