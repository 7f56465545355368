"""Names of the published TraDeS (`state_dict` of its files, without `module.`).

Exact: this package computes what the code computes with these tensors. Their input is BGR; the
first convolution is turned to RGB. `base.level3.project` and `base.level4.project` stand in the
files, but what they give is read by nothing: they are left out.
"""

import types

from ovis_jax.formats.errors import InputError
from ovis_jax.weights.layouts import Layout, bgr_convolution, convolution
from ovis_jax.weights.maps.parts import COUNTERS, ModelSettings, affine
from ovis_jax.weights.rules import NameMap, Rule

STD = (1.0, 1.0, 1.0)  # the network divides by the deviation that `config.data.std` says
UNREAD = ("base.level3.project.*", "base.level4.project.*")
NESTED_LEVELS, FLAT_LEVELS = (3, 4), (2, 5)
BLOCKS = 4
# theirs: ours, aggregation by aggregation, and how many maps it joins to the first one
AGGREGATIONS = (
    ("dla_up.ida_0", "dla0", 1),
    ("dla_up.ida_1", "dla1", 2),
    ("dla_up.ida_2", "dla2", 3),
    ("ida_up", "ida", 2),
)
BRANCHES = {"hm": "heat", "reg": "offset", "wh": "size", "conv_weight": "network"}
CONFIG = "trades_dla34_ovis"
VARIANTS = {"DLA-34 with deformable up-sampling": types.SimpleNamespace(trunk="dla")}


def name_map(model: ModelSettings) -> NameMap:
    """The whole file."""
    check_trunk(model)
    return NameMap(rules(), unused=(COUNTERS, *UNREAD))


def check_trunk(model: ModelSettings) -> None:
    """Raises InputError if the model is a TraDeS on another trunk than DLA-34."""
    trunk = getattr(model, "trunk", "dla")
    if trunk != "dla":
        raise InputError(
            f"config.model.trunk: {trunk!r}, expected 'dla', for which files are published"
        )


def rules() -> dict[str, Rule]:
    """Every tensor that something reads, by its PyTorch name."""
    return trunk_rules() | motion_rules() | center_rules() | seg_rules()


def trunk_rules() -> dict[str, Rule]:
    """Backbone and neck."""
    table = _conv_norm(
        "base.base_layer.0", "base.base_layer.1", "backbone/stem", bgr_convolution(STD)
    )
    for level in (0, 1):
        name = f"base.level{level}"
        table |= _conv_norm(f"{name}.0", f"{name}.1", f"backbone/level{level}")
    for level in FLAT_LEVELS:
        table |= _tree(f"base.level{level}", f"backbone/level{level}", projects=True)
    for level in NESTED_LEVELS:
        theirs, ours = f"base.level{level}", f"backbone/level{level}"
        table |= _tree(f"{theirs}.tree1", f"{ours}/tree1", projects=True)
        table |= _tree(f"{theirs}.tree2", f"{ours}/tree2", projects=False)
    for theirs, ours, count in AGGREGATIONS:
        for i in range(1, count + 1):
            table |= _node(f"{theirs}.proj_{i}", f"neck/{ours}_project{i}")
            table |= _node(f"{theirs}.node_{i}", f"neck/{ours}_node{i}")
            up = Rule(f"params/neck/{ours}_up{i}/kernel", convolution)
            table |= {f"{theirs}.up_{i}.weight": up}
    return table


def motion_rules() -> dict[str, Rule]:
    """Embeddings, difference of frames, warping and joining."""
    table = affine("embedconv.6", "motion/embed3", convolution)
    for number, place in ((1, 0), (2, 3)):
        name = f"motion/embed{number}"
        table |= _conv_norm(f"embedconv.{place}", f"embedconv.{place + 1}", name)
        table |= {f"embedconv.{place}.bias": Rule(f"params/{name}/conv/bias")}
    for i in range(BLOCKS):
        table |= _block(f"offset_feats.{i}", f"motion/differences_{i}")
    shortcut = "offset_feats.0.downsample"
    table |= _conv_norm(f"{shortcut}.0", f"{shortcut}.1", "motion/differences_0/shortcut")
    return (
        table
        | affine("conv_offset_h", "motion/rows", convolution)
        | affine("conv_offset_w", "motion/columns", convolution)
        | affine("dcn1_1", "motion/warp", convolution)
        | affine("attention_cur", "motion/attend_current", convolution)
        | affine("attention_prev", "motion/attend_previous", convolution)
    )


def center_rules() -> dict[str, Rule]:
    """Branches of the centre head."""
    table = {}
    for theirs, ours in BRANCHES.items():
        table |= affine(f"{theirs}.0", f"center/{ours}_conv", convolution)
        table |= affine(f"{theirs}.2", f"center/{ours}", convolution)
    return table


def seg_rules() -> dict[str, Rule]:
    """Features that masks are drawn on."""
    table = {}
    for number, place in enumerate((0, 3, 6)):
        table |= _conv_norm(f"seg_feat.{place}", f"seg_feat.{place + 1}", f"seg/conv{number}")
    return table


def _tree(theirs: str, ours: str, *, projects: bool) -> dict[str, Rule]:
    """Two blocks and the root that joins them."""
    table = _block(f"{theirs}.tree1", f"{ours}/tree1") | _block(f"{theirs}.tree2", f"{ours}/tree2")
    if projects:
        table |= _conv_norm(f"{theirs}.project.0", f"{theirs}.project.1", f"{ours}/project")
    return table | _conv_norm(f"{theirs}.root.conv", f"{theirs}.root.bn", f"{ours}/root")


def _block(theirs: str, ours: str) -> dict[str, Rule]:
    first = _conv_norm(f"{theirs}.conv1", f"{theirs}.bn1", f"{ours}/conv1")
    return first | _conv_norm(f"{theirs}.conv2", f"{theirs}.bn2", f"{ours}/conv2")


def _node(theirs: str, ours: str) -> dict[str, Rule]:
    offsets = affine(f"{theirs}.conv.conv_offset_mask", f"{ours}/conv/offset", convolution)
    own = affine(f"{theirs}.conv", f"{ours}/conv/conv", convolution)
    return offsets | own | _norm(f"{theirs}.actf.0", ours)


def _conv_norm(conv: str, norm: str, ours: str, layout: Layout = convolution) -> dict[str, Rule]:
    """Weight of a convolution, and the four arrays of the batch norm after it."""
    return {f"{conv}.weight": Rule(f"params/{ours}/conv/kernel", layout)} | _norm(norm, ours)


def _norm(theirs: str, ours: str) -> dict[str, Rule]:
    return {
        f"{theirs}.weight": Rule(f"params/{ours}/norm/scale"),
        f"{theirs}.bias": Rule(f"params/{ours}/norm/bias"),
        f"{theirs}.running_mean": Rule(f"running_stats/{ours}/norm/mean"),
        f"{theirs}.running_var": Rule(f"running_stats/{ours}/norm/var"),
    }
