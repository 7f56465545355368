import numpy as np
from training.toy import toy_batch

from ovis_jax.visualization.pairs import draw_pair


def test_a_pair_is_drawn_with_one_colour_an_identity():
    batch = toy_batch(2, 0)
    frames = np.full((2, 16, 16, 3), (10, 20, 30), np.uint8)
    batch = batch.replace(query=frames, reference=frames)
    image = draw_pair(batch)
    assert image.shape == (16, 32, 3) and tuple(image[0, 0]) == (10, 20, 30)
    assert tuple(image[3, 2]) == tuple(image[3, 18]) != (10, 20, 30)
    batch = batch.replace(reference_match=np.zeros_like(batch.reference_match))
    assert tuple(draw_pair(batch)[3, 18]) == (255, 255, 255)
