"""Classes of pixels: targets and losses."""

import numpy as np

from ovis_jax.models.heads.semantic import SemanticLogits, semantic_losses, semantic_targets

GRID, CLASSES = (2, 3, 4), 5


def test_where_instances_overlap_the_greatest_class_counts():
    masks = np.zeros((3, 1, 2, 3), bool)
    masks[0, 0, 0], masks[1, 0, :, 1] = True, True
    got = semantic_targets(masks, np.array([1, 3, 10**6]))
    np.testing.assert_array_equal(got, [[[2, 4, 2], [0, 4, 0]]])


def said():
    rng = np.random.default_rng(0)
    classes, foreground = rng.normal(size=(*GRID, CLASSES + 1)), rng.normal(size=GRID)
    return SemanticLogits(classes.astype(np.float32), foreground.astype(np.float32))


def test_losses_follow_their_definition():
    targets = np.random.default_rng(1).integers(0, CLASSES + 1, GRID)
    ignored = np.random.default_rng(2).random(GRID) < 0.3
    entropy, binary = [], []
    for place in np.ndindex(GRID):
        logits = np.float64(said().classes[place])
        entropy.append(np.log(np.exp(logits).sum()) - logits[targets[place]])
        sign = 1 if targets[place] else -1
        if not ignored[place]:
            binary.append(np.log1p(np.exp(-sign * np.float64(said().foreground[place]))))
    got = semantic_losses(said(), targets, ignored)
    np.testing.assert_allclose(got, [np.mean(entropy), np.mean(binary)], rtol=1e-5)


def test_a_clip_that_is_ignored_as_a_whole_teaches_no_foreground():
    _, foreground = semantic_losses(said(), np.zeros(GRID, int), np.ones(GRID, bool))
    assert foreground == 0
