"""How our arrays are laid beside recorded ones."""

import numpy as np
from golden_folder import golden_arrays, golden_json

from ovis_jax.formats import rle

MAP_TOLERANCE = 1e-4  # of the recorded map's largest value
BOX_TOLERANCE = 5e-3  # pixels
SCORE_TOLERANCE = 2e-4
MASK_PIXELS = 3


def assert_recorded(ours, name: str, file: str = "frame.npz", channels_last: bool = True) -> None:
    """Compares with a recorded array; ours has channels last, the record has them before the grid.

    Args:
      ours: [..., H, W, C] where the record is [..., C, H, W], or the record's own layout.
      name: of the array.
      file: that holds it.
      channels_last: whether ours has to be transposed.
    """
    entry = golden_json("cmasktrack_rcnn", "manifest.json")["arrays"][file][name]
    want = golden_arrays("cmasktrack_rcnn", file)[name]
    ours = np.asarray(ours)
    if channels_last and ours.ndim >= 3:
        ours = np.moveaxis(ours, -1, -3)
    assert list(ours.shape) == list(entry["shape"]), name
    if entry["stored"].startswith("flat"):
        ours = ours.reshape(-1)[:: int(entry["stored"].split("::")[1][:-1])]
    assert_close_map(ours, want, name)


def assert_close_map(ours: np.ndarray, want: np.ndarray, name: str = "") -> None:
    """Arrays of one shape, up to a share of the largest value."""
    worst = np.abs(ours - want).max() / np.abs(want).max()
    assert worst <= MAP_TOLERANCE, f"{name}: {worst:.2e} of the largest value"


def recorded_names(file: str, leave_out: tuple[str, ...] = ()) -> list[str]:
    """Names of the arrays of a file of CMaskTrack R-CNN, all but those to leave out."""
    names = golden_json("cmasktrack_rcnn", "manifest.json")["arrays"][file]
    return [name for name in names if name not in leave_out]


def assert_same_proposals(ours: np.ndarray, recorded: np.ndarray) -> None:
    """The same boxes and scores [P, 5], in any order: two nearly equal scores may change places."""
    assert len(ours) == len(recorded)
    tolerances = np.array([BOX_TOLERANCE] * 4 + [SCORE_TOLERANCE])
    distance = np.abs((recorded[:, None] - ours[None]) / tolerances).max(-1)
    nearest = distance.argmin(1)
    assert len(set(nearest.tolist())) == len(recorded)
    assert distance.min(1).max() < 1


def differing_pixels(a: dict, b: dict) -> int:
    """Pixels that only one of two masks in RLE holds."""
    union, shared = rle.merge([a, b]), rle.merge([a, b], intersect=True)
    return int(rle.area([union])[0] - rle.area([shared])[0])


def assert_same_records(
    ours: list[dict], recorded: list[dict], score_tolerance: float = SCORE_TOLERANCE
) -> None:
    """The records of results.json of one video: the same tracks in the same order."""
    assert len(ours) == len(recorded) > 0
    for mine, theirs in zip(ours, recorded, strict=True):
        assert mine["category_id"] == theirs["category_id"]
        assert abs(mine["score"] - theirs["score"]) < score_tolerance
        for a, b in zip(mine["segmentations"], theirs["segmentations"], strict=True):
            assert (a is None) == (b is None)
            assert a is None or differing_pixels(a, b) <= MASK_PIXELS
