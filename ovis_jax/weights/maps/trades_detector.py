"""Names of `coco_seg.pth`, the detector of COCO that the published TraDeS begins with.

It has backbone, neck, and the heads of boxes and masks, but knows no motion. Its heat maps are
those of COCO's classes: the last layer is left out, as the published code leaves out what does not
fit. The other heads of a detector read the same maps and go where those of TraDeS go.
"""

from ovis_jax.weights.maps import trades
from ovis_jax.weights.maps.parts import COUNTERS, ModelSettings
from ovis_jax.weights.rules import NameMap

CLASSES = "hm.2.*"
CONFIG, VARIANTS = trades.CONFIG, trades.VARIANTS


def name_map(model: ModelSettings) -> NameMap:
    """The whole file but the layer of classes; what compares frames is newly initialised."""
    trades.check_trunk(model)
    rules = trades.trunk_rules() | trades.center_rules() | trades.seg_rules()
    return NameMap(
        {name: rule for name, rule in rules.items() if not name.startswith("hm.2.")},
        unused=(COUNTERS, *trades.UNREAD, CLASSES),
        fresh=("center/heat", "motion"),
    )
