"""Definitions of operations, position by position, in float64."""

import numpy as np


def naive_deform_conv(features, offsets, kernel, modulation=None):
    """The definition, tap by tap, in float64."""
    batch, height, width, _ = features.shape
    rows, columns = kernel.shape[:2]
    out = np.zeros((batch, height, width, kernel.shape[-1]))
    for b, i, j, m, n in np.ndindex(batch, height, width, rows, columns):
        dy, dx = offsets[b, i, j].reshape(rows, columns, 2)[m, n]
        factor = 1 if modulation is None else modulation[b, i, j].reshape(rows, columns)[m, n]
        y, x = i + m - rows // 2 + dy, j + n - columns // 2 + dx
        for row in (int(np.floor(y)), int(np.floor(y)) + 1):
            for column in (int(np.floor(x)), int(np.floor(x)) + 1):
                if 0 <= row < height and 0 <= column < width:
                    share = (1 - abs(y - row)) * (1 - abs(x - column))
                    out[b, i, j] += factor * share * features[b, row, column] @ kernel[m, n]
    return out


def naive_correlation(query, reference, displacements, dilation, kernel_size=1):
    """The definition, position by position, in float64."""
    batch, height, width, channels = query.shape
    steps = [round((a - (displacements - 1) / 2) * dilation) for a in range(displacements)]
    single = np.zeros((batch, height, width, displacements**2))
    for b, y, x in np.ndindex(batch, height, width):
        for k, (dy, dx) in enumerate((dy, dx) for dy in steps for dx in steps):
            if 0 <= y + dy < height and 0 <= x + dx < width:
                product = query[b, y, x] * reference[b, y + dy, x + dx]
                single[b, y, x, k] = product.sum() / channels
    half = kernel_size // 2
    padded = np.pad(single, ((0, 0), (half, half), (half, half), (0, 0)))
    patches = [
        padded[:, i : i + height, j : j + width] for i, j in np.ndindex(kernel_size, kernel_size)
    ]
    return sum(patches) / kernel_size**2


def naive_roi_align(features, stride, roi, size, inclusive):
    """One RoI on one map, sample by sample, in float64; two samples a bin and axis."""
    height, width, channels = features.shape
    x1, y1, x2, y2 = roi + np.array([0, 0, 1, 1]) * inclusive
    shift = 0.0 if inclusive else 0.5
    out = np.zeros((size, size, channels))

    def corners(position, length):
        if position < -1 or position > length:
            return []
        position = min(max(position, 0), length - 1)
        low = int(position)
        high = min(low + 1, length - 1)
        return [(low, 1 - position + low), (high, position - low)]

    for i, j, s, t in np.ndindex(size, size, 2, 2):
        y = y1 / stride - shift + (i + (s + 0.5) / 2) * max(y2 - y1, 0) / stride / size
        x = x1 / stride - shift + (j + (t + 0.5) / 2) * max(x2 - x1, 0) / stride / size
        for row, a in corners(y, height):
            for column, b in corners(x, width):
                out[i, j] += a * b * features[row, column] / 4
    return out
