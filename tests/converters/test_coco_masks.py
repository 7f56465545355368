import pytest

from ovis_jax.converters.coco_masks import check_masks
from ovis_jax.converters.sources import Sources
from ovis_jax.formats.errors import InputError

RECTANGLE = [[1, 2, 1, 9.5, 4, 9.5, 4, 2]]
MASKS = [
    [[1, 2, 1, 9, 4, 9, 5, 2]],
    [[1, 2, 1, 9, 4, 9]],
    RECTANGLE * 2,
    [[1, 2, 1, 2, 4, 9, 4, 9]],
    [["1", 2, 1, 9, 4, 9, 4, 2]],
    ["text of 8"],
    dict(size=[9, 9], counts="x"),
]


def notes(*segmentations, **options):
    sources = Sources(**options)
    check_masks([(f"a.json: annotations[{k}]", s) for k, s in enumerate(segmentations)], sources)
    return sources.notes


@pytest.mark.parametrize("closed", [False, True])
def test_a_file_whose_masks_are_all_rectangles_is_said(closed):
    rectangle = [RECTANGLE[0] + RECTANGLE[0][:2] * closed]
    (note,) = notes(*[rectangle] * 25)
    assert note.startswith("a.json: annotations[0]: segmentation: a rectangle, as in all 25")
    assert not notes(*[rectangle] * 5)


@pytest.mark.parametrize("mask", MASKS)
def test_one_other_mask_says_that_rectangles_are_masks(mask):
    assert not notes(*[RECTANGLE] * 25, mask)


@pytest.mark.parametrize("nothing", [None, []])
def test_entries_without_a_mask_are_counted_and_refused_if_there_are_no_others(nothing):
    (note,) = notes(RECTANGLE, nothing, nothing)
    assert note.startswith("a.json: annotations[1]: the first of 2 annotations (of 3) without a")
    with pytest.raises(InputError, match=r"annotations\[0\]: segmentation: empty, as in all 2"):
        notes(nothing, nothing)
    assert len(notes(nothing, skip_shapes=True)) == 1
    assert not notes()
