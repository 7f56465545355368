"""Where the cells of a padded pyramid lie on its frame."""

import jax.numpy as jnp
import numpy as np

from ovis_jax.ops.level_geometry import join_levels, level_geometry

SHAPES, CANVAS, SIZES = ((8, 12), (4, 6), (2, 3), (1, 2)), (64, 96), ((64, 96), (40, 70))


def geometry():
    return level_geometry(SHAPES, CANVAS, jnp.array(SIZES))


def test_a_cell_lies_on_the_frame_if_the_pixel_in_its_corner_does():
    for number, cells in enumerate(geometry().split(geometry().on_frame())[:3]):
        stride = 8 << number
        for b, (height, width) in enumerate(SIZES):
            rows, columns = np.arange(SHAPES[number][0]), np.arange(SHAPES[number][1])
            want = (stride * rows < height)[:, None] & (stride * columns < width)
            np.testing.assert_array_equal(cells[b], want)


def test_places_run_over_the_cells_of_the_frame_from_0_to_1():
    found = geometry()
    for level, places in enumerate(found.split(found.places())):
        for b in range(len(SIZES)):
            columns, rows = np.asarray(found.counts[b, level]).astype(int)
            want = np.stack(
                np.meshgrid((np.arange(columns) + 0.5) / columns, (np.arange(rows) + 0.5) / rows),
                axis=-1,
            )
            np.testing.assert_allclose(places[b, :rows, :columns], want, atol=1e-6)


def test_position_codes_are_sines_and_cosines_of_turns_and_padding_has_one_of_its_own():
    found, channels = geometry(), 8
    codes = found.position_codes(channels)
    for level, code in enumerate(codes):
        columns, rows = np.asarray(found.counts[1, level]).astype(int)
        for y, x in np.ndindex(SHAPES[level]):
            want = []
            for here, count, other in ((y, rows, x < columns), (x, columns, y < rows)):
                angle = 2 * np.pi * (min(here + 1, count) - 0.5) / count
                turns = [angle, angle, angle / 100, angle / 100]
                own = [np.sin(turns[0]), np.cos(turns[1]), np.sin(turns[2]), np.cos(turns[3])]
                want += own if other else [np.nan] * 4
            known = np.isfinite(want)
            np.testing.assert_allclose(code[1, y, x][known], np.array(want)[known], atol=1e-4)
    outside = codes[0][1, -1, -1]
    np.testing.assert_array_equal(codes[1][1, -1, -1], outside)
    assert np.abs(outside).max() <= 1


def test_cells_of_all_levels_are_split_as_they_were_joined():
    maps = [np.random.default_rng(i).normal(size=(2, *x, 3)) for i, x in enumerate(SHAPES)]
    for own, want in zip(geometry().split(join_levels(maps)), maps, strict=True):
        np.testing.assert_array_equal(own, want.astype(np.float32))
