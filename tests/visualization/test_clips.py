import numpy as np
from training.toy import toy_batch

from ovis_jax.visualization.clips import draw_clip


def test_a_clip_is_drawn_with_one_colour_an_identity():
    batch = toy_batch(2, 0)
    batch = batch.replace(frames=np.full((2, 2, 16, 16, 3), (10, 20, 30), np.uint8))
    image = draw_clip(batch)
    assert image.shape == (16, 32, 3) and tuple(image[0, 0]) == (10, 20, 30)
    assert tuple(image[3, 2]) == tuple(image[3, 18]) != (10, 20, 30)
    batch.instances.identities[:, 1] = 7
    assert tuple(draw_clip(batch)[3, 18]) == (255, 255, 255)
