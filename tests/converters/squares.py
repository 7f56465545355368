"""One square in small frames, as a mask and as an outline."""

import numpy as np

WIDTH, HEIGHT = 12, 8
SQUARE = [[2, 1], [6, 1], [6, 4], [2, 4]]


def square_mask():
    mask = np.zeros((HEIGHT, WIDTH), np.uint8)
    mask[1:4, 2:6] = 1
    return mask
