"""Names and shapes of the tensors of STEm-Seg on ResNet-50, as its published code makes them."""

import numpy as np
from weights.maps.published_names import Shapes, conv, resnet50

WIDTHS = {"embedding_head": (256, 256, 128, 128), "semseg_head": (256, 256, 256, 256)}
CONSTANTS = {
    "embedding_head.time_scale": np.float32(1),
    "embedding_loss_criterion.free_dim_bandwidths": np.full((1, 2), 1 / 0.3**2, np.float32),
}


def stem_seg(classes: int) -> Shapes:
    """Names and shapes, with those of the constants."""
    body, stem = "backbone.body.", ("conv1.", "bn1.")
    shapes = {}
    for name, shape in resnet50(counters=False).items():
        shapes[f"{body}stem.{name}" if name.startswith(stem) else f"{body}{name}"] = shape
    for i in range(1, 5):
        shapes |= conv(f"backbone.fpn.fpn_inner{i}", 256, 128 * 2**i, 1)
        shapes |= conv(f"backbone.fpn.fpn_layer{i}", 256, 256, 3)
    for head in WIDTHS:
        shapes |= decoder(head)
    return (
        shapes
        | mix("embedding_head.conv_embedding", 4, 128)
        | mix("embedding_head.conv_variance", 2, 128)
        | {"embedding_head.conv_variance.bias": (2,)}
        | mix("embedding_head.conv_seediness", 1, 128)
        | mix("semseg_head.conv_out", classes + 2, 256)
        | {name: x.shape for name, x in CONSTANTS.items()}
    )


def decoder(head: str) -> Shapes:
    widths, shapes = WIDTHS[head], {}
    for stride, out, count in zip((32, 16, 8, 4), widths, (3, 2, 1, 1), strict=True):
        for i in range(count):
            first, norm = (f"{head}.block_{stride}x.{4 * i + j}" for j in (0, 1))
            inside = out if i else 256
            shapes |= {f"{first}.weight": (out, inside, 3, 3, 3), f"{first}.bias": (out,)}
            shapes |= {f"{norm}.weight": (out,), f"{norm}.bias": (out,)}
    for stride, coarse, out in zip((16, 8, 4), widths, widths[1:], strict=False):
        shapes |= mix(f"{head}.conv_{stride}", out, coarse + out)
    return shapes


def mix(name: str, out: int, inside: int) -> Shapes:
    return {f"{name}.weight": (out, inside, 1, 1, 1)}
