import numpy as np
import pytest
from converters.cvat_documents import cvat_file, entry, read_cvat
from converters.squares import HEIGHT, WIDTH, square_mask

from ovis_jax.formats.errors import InputError

INSIDE = dict(tag="mask", left=0, top=0, width=2, height=2)
ELLIPSE = dict(tag="ellipse", cx=6, cy=4, rx=5, ry=2)


def read_mask(folder, **fields):
    (instance,) = read_cvat(folder, cvat_file(entry(2, **fields))).instances
    return instance.mask(2)


def test_masks_run_row_by_row_in_a_rectangle(tmp_path):
    mask = read_mask(tmp_path, tag="mask", rle="1, 3, 1, 4, 0, 3", left=2, top=1, width=4, height=3)
    want = square_mask()
    want[1, 2] = want[2, 2] = 0
    np.testing.assert_array_equal(mask, want)


@pytest.mark.parametrize("seed", range(8))
def test_masks_are_those_that_were_written(tmp_path, seed):
    rng = np.random.default_rng(seed)
    left, top = rng.integers(0, WIDTH - 1), rng.integers(0, HEIGHT - 1)
    rows, columns = rng.integers(1, HEIGHT - top + 1), rng.integers(1, WIDTH - left + 1)
    inside = rng.random((rows, columns)) < 0.6
    inside[rng.integers(rows), rng.integers(columns)] = True
    flat = inside.ravel()
    edges = np.flatnonzero(np.diff(flat, prepend=False, append=~flat[-1])).tolist()
    runs = np.diff([0, *edges]).tolist()
    mask = read_mask(
        tmp_path, tag="mask", rle=", ".join(map(str, runs)), left=left, top=top, width=columns,
        height=rows,
    )  # fmt: skip
    want = np.zeros((HEIGHT, WIDTH), bool)
    want[top : top + rows, left : left + columns] = inside
    np.testing.assert_array_equal(mask, want)


def test_masks_reach_every_corner_of_the_frame(tmp_path):
    for left, top, columns, rows in ((0, 0, WIDTH, HEIGHT), (WIDTH - 2, HEIGHT - 1, 2, 1)):
        runs = dict(rle=f"0, {rows * columns}", width=columns, height=rows)
        mask = read_mask(tmp_path, tag="mask", left=left, top=top, **runs)
        assert mask[top:, left:].all() and mask.sum() == rows * columns


@pytest.mark.parametrize("rotation", [None, 0, 30, 90, 200])
def test_ellipses_are_filled(tmp_path, rotation):
    fields = ELLIPSE if rotation is None else ELLIPSE | dict(rotation=rotation)
    content = cvat_file(entry(2, **{**fields, "cx": 30, "cy": 25, "rx": 20, "ry": 9}))
    content = content.replace(f"<width>{WIDTH}<", "<width>60<")
    content = content.replace(f"<height>{HEIGHT}<", "<height>50<")
    mask = read_cvat(tmp_path, content).instances[0].mask(2)
    x, y = np.meshgrid(np.arange(60) + 0.5 - 30, np.arange(50) + 0.5 - 25)
    angle = np.radians(rotation or 0)  # clockwise, as y points down
    along, across = x * np.cos(angle) + y * np.sin(angle), y * np.cos(angle) - x * np.sin(angle)
    distance = (along / 20) ** 2 + (across / 9) ** 2
    assert not (mask & (distance > 1.25)).any() and (mask | (distance > 0.75)).all()


@pytest.mark.parametrize(
    "fields, message",
    [
        (INSIDE | dict(rle="2,3"), "rle: does"),
        (INSIDE | dict(rle="0,4", left=11), "rle: .* not in the frame"),
        (INSIDE | dict(rle="0,4", top=-1), "rle: .* not in the frame"),
        (INSIDE | dict(rle="0,4", width=-2, height=-2), "rle: .* not in the frame"),
        (INSIDE | dict(rle="", width=0), "rle: expected"),
        (INSIDE | dict(rle="5,-1"), "rle: does"),
        (INSIDE | dict(rle="a"), "rle: expected whole numbers"),
        (INSIDE | dict(rle="0,4", left="x"), "left: expected a whole number, is 'x'"),
        (INSIDE, "rle: missing"),
        (ELLIPSE | dict(rx=0), "rx: expected a positive number"),
        (ELLIPSE | dict(ry="inf"), "ry: expected a number"),
        (ELLIPSE | dict(cx=1e9), "points: .* near the frame"),
        (ELLIPSE | dict(rotation="x"), "rotation: expected a number, is 'x'"),
        (dict(tag="ellipse", cx=1), "cy: missing"),
    ],
)
def test_what_is_wrong_with_a_shape_is_said(tmp_path, fields, message):
    with pytest.raises(InputError, match=f"clip.xml: track 0, frame 2: {message}"):
        read_mask(tmp_path, **fields)


def test_a_mask_in_a_frame_that_fills_the_memory_takes_none(tmp_path):
    def read(**fields):
        content = cvat_file(entry(2, **fields)).replace(f"<width>{WIDTH}<", "<width>100000<")
        return read_cvat(tmp_path, content.replace(f"<height>{HEIGHT}<", "<height>1000<"))

    (instance,) = read(**INSIDE | dict(rle="0,4", left=99_998)).instances
    assert instance.areas.tolist() == [0, 0, 4]
    with pytest.raises(InputError, match="width, height: expected at most"):
        read(**INSIDE | dict(rle="0,100000000", width=100_000, height=1000))
