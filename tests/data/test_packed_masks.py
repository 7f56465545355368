import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from ovis_jax.data.packed_masks import pack_mask, place_mask

MASKS = arrays.arrays(bool, st.tuples(st.integers(1, 9), st.integers(1, 37)))


@given(mask=MASKS, flip=st.booleans())
def test_a_packed_mask_comes_back_in_the_corner_of_the_canvas(mask, flip):
    height, width = mask.shape
    canvas = np.zeros((height + 2, (width + 7) // 8 + 1), np.uint8)
    place_mask(pack_mask(mask), canvas, width, flip=flip)
    found = np.unpackbits(canvas, axis=1)
    np.testing.assert_array_equal(found[:height, :width], mask[:, ::-1] if flip else mask)
    assert not found[height:].any() and not found[:, width:].any()


@given(mask=MASKS)
def test_only_the_rectangle_of_the_object_is_kept(mask):
    rows, columns = np.nonzero(mask)
    packed = pack_mask(mask)
    want = 0
    if rows.size:
        want = (np.ptp(rows) + 1) * (columns.max() // 8 - columns.min() // 8 + 1)
    assert len(packed.bits) == want
