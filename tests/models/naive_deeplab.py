"""DeepLabv3+ and FEELVOS's head in numpy and float64, from tensors under their published names."""

import itertools

import numpy as np

XCEPTION, DECODER = 1e-3, 1e-5  # what norms add to variances


def relu(x):
    return np.maximum(x, 0)


def convolve(x, kernel, stride=1, rate=1):
    """A convolution of [H, W, C] by [k, k, C, D], or by [k, k, C, 1] of each channel for itself."""
    size, (height, width, channels) = len(kernel), x.shape
    depthwise = kernel.shape[2:] == (channels, 1) and size > 1
    pad = (size - 1) * rate // 2
    x = np.pad(x, ((pad, pad), (pad, pad), (0, 0)))
    total = 0
    for i, j in itertools.product(range(size), repeat=2):
        part = x[i * rate : i * rate + height : stride, j * rate : j * rate + width : stride]
        total = total + (part * kernel[i, j, :, 0] if depthwise else part @ kernel[i, j])
    return total


class Network:
    """The published network.

    Attributes:
      tensors: by published name.
      units: of the middle flow.
      output_stride: of what the pyramid pooling reads.
    """

    def __init__(self, tensors, units, output_stride):
        self.tensors = {name: np.float64(x) for name, x in tensors.items()}
        self.units, self.output_stride = units, output_stride

    def norm(self, x, scope, epsilon):
        gamma, beta, mean, var = (
            self.tensors[f"{scope}/BatchNorm/{own}"]
            for own in ("gamma", "beta", "moving_mean", "moving_variance")
        )
        return (x - mean) / np.sqrt(var + epsilon) * gamma + beta

    def conv(self, x, scope, epsilon, stride=1):
        return self.norm(convolve(x, self.tensors[f"{scope}/weights"], stride), scope, epsilon)

    def separable(self, x, scope, epsilon, stride=1, rate=1, inside=True):
        activation = relu if inside else lambda x: x
        x = convolve(x, self.tensors[f"{scope}_depthwise/depthwise_weights"], stride, rate)
        x = activation(self.norm(x, f"{scope}_depthwise", epsilon))
        return activation(self.conv(x, f"{scope}_pointwise", epsilon))

    def unit(self, x, name, stride, rate, skip):
        """A unit, and what its second convolution gives."""
        scope, y, found = f"xception_65/{name}/xception_module", x, []
        for i in (1, 2, 3):
            y = y if skip == "none" else relu(y)
            own = stride if i == 3 else 1
            args = (f"{scope}/separable_conv{i}", XCEPTION, own, rate, skip == "none")
            y = self.separable(y, *args)
            found.append(y)
        if skip == "conv":
            y = y + self.conv(x, f"{scope}/shortcut", XCEPTION, stride)
        return y + x if skip == "sum" else y, found[1]

    def xception(self, image):
        """Of a frame [H, W, 3]: the finer and the coarser map."""
        entry = "xception_65/entry_flow"
        x = relu(self.conv(image, f"{entry}/conv1_1", XCEPTION, 2))
        x = relu(self.conv(x, f"{entry}/conv1_2", XCEPTION))
        x, _ = self.unit(x, "entry_flow/block1/unit_1", 2, 1, "conv")
        x, low = self.unit(x, "entry_flow/block2/unit_1", 2, 1, "conv")
        third, middle, first, second = {16: (2, 1, 1, 2), 8: (1, 2, 2, 4)}[self.output_stride]
        x, _ = self.unit(x, "entry_flow/block3/unit_1", third, 1, "conv")
        for i in range(self.units):
            x, _ = self.unit(x, f"middle_flow/block1/unit_{i + 1}", 1, middle, "sum")
        x, _ = self.unit(x, "exit_flow/block1/unit_1", 1, first, "conv")
        return low, self.unit(x, "exit_flow/block2/unit_1", 1, second, "none")[0]

    def features(self, image):
        """Of a frame [H, W, 3] in [-1, 1]: [H / 4, W / 4, C]."""
        low, x = self.xception(image)
        mean = x.mean((0, 1), keepdims=True)
        pooled = relu(self.conv(mean, "image_pooling", DECODER))
        branches = [np.tile(pooled, (*x.shape[:2], 1))]
        branches.append(relu(self.conv(x, "aspp0", DECODER)))
        for i, rate in enumerate((6, 12, 18), start=1):
            rate = rate * 16 // self.output_stride
            branches.append(self.separable(x, f"aspp{i}", DECODER, rate=rate))
        x = relu(self.conv(np.concatenate(branches, -1), "concat_projection", DECODER))
        low = relu(self.conv(low, "decoder/feature_projection0", DECODER))
        x = np.concatenate([between_corners(x, *low.shape[:2]), low], -1)
        for i in range(2):
            x = self.separable(x, f"decoder/decoder_conv{i}", DECODER)
        return x

    def biased_pair(self, x, scope):
        depthwise, pointwise = f"{scope}_depthwise", f"{scope}_pointwise"
        x = convolve(x, self.tensors[f"{depthwise}/depthwise_weights"])
        x = relu(x + self.tensors[f"{depthwise}/biases"])
        x = convolve(x, self.tensors[f"{pointwise}/weights"])
        return relu(x + self.tensors[f"{pointwise}/biases"])

    def embeddings(self, features):
        return self.biased_pair(features, "embedding/split_separable_conv2d")

    def logits(self, features, cues):
        """Of features [h, w, C] and what is known of each object, [h, w, O, 3]: [h, w, O]."""
        found = []
        for own in np.moveaxis(cues, 2, 0):
            x = np.concatenate([features, own], -1)
            for i in range(4):
                x = self.biased_pair(x, f"embedding_seg/split_separable_conv2d_{i}")
            x = convolve(x, self.tensors["logits/semantic/weights"])
            found.append(x[..., 0] + self.tensors["logits/semantic/biases"])
        return np.stack(found, -1)


def between_corners(x, height, width):
    """Bilinear; first and last cells keep their values."""
    rows = np.linspace(0, len(x) - 1, height)
    columns = np.linspace(0, x.shape[1] - 1, width)
    out = np.zeros((height, width, x.shape[2]))
    for (i, y), (j, z) in itertools.product(enumerate(rows), enumerate(columns)):
        top, left = int(y), int(z)
        down, right = min(top + 1, len(x) - 1), min(left + 1, x.shape[1] - 1)
        b, a = y - top, z - left
        above = (1 - a) * x[top, left] + a * x[top, right]
        below = (1 - a) * x[down, left] + a * x[down, right]
        out[i, j] = (1 - b) * above + b * below
    return out
