"""Names and shapes of the tensors of FEELVOS and DeepLabv3+, as their published code makes them."""

from weights.maps.published_names import Shapes

STATISTICS = ("gamma", "beta", "moving_mean", "moving_variance")


def feelvos(width: int = 64, units: int = 16, size: int = 100, channels: int = 256) -> Shapes:
    """FEELVOS without what training adds.

    Args:
      width: 64 as published; scales the channels of DeepLab.
      units: of the middle flow.
      size: of the embeddings.
      channels: of the convolutions that propagate.
    """
    features = scaled(256, width)
    shapes = deeplab(width, units)
    shapes |= biased_pair("embedding/split_separable_conv2d", 3, features, size)
    for i, inside in enumerate((features + 3, *3 * (channels,))):
        shapes |= biased_pair(f"embedding_seg/split_separable_conv2d_{i}", 7, inside, channels)
    return shapes | biased("logits/semantic/weights", (1, 1, channels, 1), 1)


def deeplab_of_coco(classes: int = 21) -> Shapes:
    """DeepLabv3+ with its logits, in the published size."""
    return deeplab() | biased("logits/semantic/weights", (1, 1, 256, classes), classes)


def deeplab(width: int = 64, units: int = 16) -> Shapes:
    """Backbone, pyramid pooling and decoder."""
    entry, c = "xception_65/entry_flow", lambda channels: scaled(channels, width)
    shapes = normed(f"{entry}/conv1_1/weights", (3, 3, 3, c(32)))
    shapes |= normed(f"{entry}/conv1_2/weights", (3, 3, c(32), c(64)))
    inside = c(64)
    blocks = [(f"{entry}/block{i}/unit_1", 3 * (n,), True) for i, n in ((1, 128), (2, 256))]
    blocks.append((f"{entry}/block3/unit_1", (728, 728, 728), True))
    middle = "xception_65/middle_flow/block1/unit_{}"
    blocks += [(middle.format(i + 1), (728, 728, 728), False) for i in range(units)]
    blocks.append(("xception_65/exit_flow/block1/unit_1", (728, 1024, 1024), True))
    blocks.append(("xception_65/exit_flow/block2/unit_1", (1536, 1536, 2048), False))
    for name, channels, shortcut in blocks:
        module = f"{name}/xception_module"
        if shortcut:
            shapes |= normed(f"{module}/shortcut/weights", (1, 1, inside, c(channels[-1])))
        for i, out in enumerate(channels, start=1):
            shapes |= pair(f"{module}/separable_conv{i}", inside, c(out))
            inside = c(out)
    return shapes | pooling_and_decoder(inside, c(256), c(256), c(48))


def pooling_and_decoder(inside: int, low: int, channels: int, low_channels: int) -> Shapes:
    shapes = normed("image_pooling/weights", (1, 1, inside, channels))
    shapes |= normed("aspp0/weights", (1, 1, inside, channels))
    for i in (1, 2, 3):
        shapes |= pair(f"aspp{i}", inside, channels)
    shapes |= normed("concat_projection/weights", (1, 1, 5 * channels, channels))
    shapes |= normed("decoder/feature_projection0/weights", (1, 1, low, low_channels))
    shapes |= pair("decoder/decoder_conv0", channels + low_channels, channels)
    return shapes | pair("decoder/decoder_conv1", channels, channels)


def scaled(channels: int, width: int) -> int:
    return max(channels * width // 64, 1)


def pair(name: str, inside: int, out: int) -> Shapes:
    """A depthwise and a pointwise convolution with norms."""
    depthwise = normed(f"{name}_depthwise/depthwise_weights", (3, 3, inside, 1))
    return depthwise | normed(f"{name}_pointwise/weights", (1, 1, inside, out))


def normed(name: str, shape: tuple[int, ...]) -> Shapes:
    scope = name.rsplit("/", 1)[0]
    channels = shape[2] if shape[3] == 1 and "depthwise" in name else shape[3]
    return {name: shape} | {f"{scope}/BatchNorm/{own}": (channels,) for own in STATISTICS}


def biased_pair(name: str, side: int, inside: int, out: int) -> Shapes:
    """A depthwise and a pointwise convolution with biases."""
    shape = (side, side, inside, 1)
    depthwise = biased(f"{name}_depthwise/depthwise_weights", shape, inside)
    return depthwise | biased(f"{name}_pointwise/weights", (1, 1, inside, out), out)


def biased(name: str, shape: tuple[int, ...], channels: int) -> Shapes:
    return {name: shape, f"{name.rsplit('/', 1)[0]}/biases": (channels,)}


def training(shapes: Shapes) -> Shapes:
    """What training with momentum and averages leaves beside the weights."""
    weights = [name for name in shapes if "moving_" not in name]
    found = {"global_step": ()}
    for name in weights:
        found |= {f"{name}/{own}": shapes[name] for own in ("Momentum", "ExponentialMovingAverage")}
    return found
