"""Names and shapes of the tensors of TraDeS on DLA-34, as its published code makes them."""

from weights.maps.published_names import Shapes, batch_norm, conv

WIDTHS = {2: 64, 3: 128, 4: 256, 5: 512}


def conv_norm(first: str, norm: str, out: int, inside: int, size: int) -> Shapes:
    return conv(first, out, inside, size, bias=False) | batch_norm(norm, out, counter=True)


def block(name: str, out: int, inside: int) -> Shapes:
    first = conv_norm(f"{name}.conv1", f"{name}.bn1", out, inside, 3)
    return first | conv_norm(f"{name}.conv2", f"{name}.bn2", out, out, 3)


def tree(name: str, out: int, inside: int, root: int) -> Shapes:
    shapes = block(f"{name}.tree1", out, inside) | block(f"{name}.tree2", out, out)
    return shapes | conv_norm(f"{name}.root.conv", f"{name}.root.bn", out, root, 1)


def project(name: str, out: int, inside: int) -> Shapes:
    return conv_norm(f"{name}.project.0", f"{name}.project.1", out, inside, 1)


def dla34() -> Shapes:
    shapes = conv_norm("base.base_layer.0", "base.base_layer.1", 16, 3, 7)
    shapes |= conv_norm("base.level0.0", "base.level0.1", 16, 16, 3)
    shapes |= conv_norm("base.level1.0", "base.level1.1", 32, 16, 3)
    for level, out in WIDTHS.items():
        name, inside = f"base.level{level}", out // 2
        shapes |= project(name, out, inside)
        if level in (2, 5):
            shapes |= tree(name, out, inside, 2 * out + (inside if level == 5 else 0))
            continue
        shapes |= tree(f"{name}.tree1", out, inside, 2 * out) | project(
            f"{name}.tree1", out, inside
        )
        shapes |= tree(f"{name}.tree2", out, out, 3 * out + inside)
    return shapes


def node(name: str, out: int, inside: int) -> Shapes:
    shapes = conv(f"{name}.conv", out, inside, 3) | batch_norm(f"{name}.actf.0", out, counter=True)
    return shapes | conv(f"{name}.conv.conv_offset_mask", 27, inside, 3)


def aggregation(name: str, out: int, others: tuple[tuple[int, int], ...]) -> Shapes:
    """Of (channels, factor) of the maps after the first one."""
    shapes = {}
    for i, (inside, factor) in enumerate(others, start=1):
        shapes |= node(f"{name}.proj_{i}", out, inside) | node(f"{name}.node_{i}", out, out)
        shapes |= {f"{name}.up_{i}.weight": (out, 1, 2 * factor, 2 * factor)}
    return shapes


def dla_up() -> Shapes:
    return (
        aggregation("dla_up.ida_0", 256, ((512, 2),))
        | aggregation("dla_up.ida_1", 128, ((256, 2),) * 2)
        | aggregation("dla_up.ida_2", 64, ((128, 2),) * 3)
        | aggregation("ida_up", 64, ((128, 2), (256, 4)))
    )


def heads(**outputs: int) -> Shapes:
    shapes = {}
    for name, out in outputs.items():
        shapes |= conv(f"{name}.0", 256, 64, 3) | conv(f"{name}.2", out, 256, 1)
    return shapes


def motion() -> Shapes:
    shapes = conv("embedconv.6", 128, 128, 1)
    for place, inside, size in ((0, 64, 1), (3, 128, 3)):
        shapes |= conv(f"embedconv.{place}", 128, inside, size)
        shapes |= batch_norm(f"embedconv.{place + 1}", 128, counter=True)
    for i in range(4):
        shapes |= block(f"offset_feats.{i}", 128, 128 if i else 64)
    shapes |= conv_norm("offset_feats.0.downsample.0", "offset_feats.0.downsample.1", 128, 64, 1)
    for name in ("attention_cur", "attention_prev"):
        shapes |= conv(name, 1, 64, 3)
    for name in ("conv_offset_w", "conv_offset_h"):
        shapes |= conv(name, 9, 129, 3)
    return shapes | conv("dcn1_1", 64, 64, 3)


def seg() -> Shapes:
    shapes = conv_norm("seg_feat.0", "seg_feat.1", 256, 64, 3)
    shapes |= conv_norm("seg_feat.3", "seg_feat.4", 256, 256, 3)
    return shapes | conv_norm("seg_feat.6", "seg_feat.7", 8, 256, 1)


def whole(classes: int) -> Shapes:
    """A model for instance segmentation."""
    own = heads(hm=classes, reg=2, wh=2, conv_weight=169)
    return dla34() | dla_up() | motion() | own | seg()


def detector() -> Shapes:
    """`coco_seg.pth`."""
    return dla34() | dla_up() | heads(hm=80, reg=2, wh=2, conv_weight=169) | seg()


def tracker(**more: int) -> Shapes:
    """A model that draws no masks, with more heads."""
    return dla34() | dla_up() | motion() | heads(reg=2, wh=2, **more)
