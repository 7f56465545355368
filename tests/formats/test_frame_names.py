import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ovis_jax.formats.errors import InputError
from ovis_jax.formats.frame_names import distinct_in_order, files_in_order, natural_order


@given(
    numbers=st.lists(st.integers(0, 3000), min_size=1, max_size=30, unique=True),
    width=st.integers(1, 5),
    prefix=st.sampled_from(["", "frame", "clip_03-", "2024.07.01 ", "ü"]),
    suffix=st.sampled_from([".jpg", ".PNG", "_rgb.jpg"]),
)
def test_frames_come_in_the_order_of_their_numbers_however_they_are_padded(
    numbers, width, prefix, suffix
):
    names = [f"{prefix}{number:0{width}d}{suffix}" for number in sorted(numbers)]
    shuffled = random.Random(0).sample(names, len(names))
    assert natural_order(shuffled, "folder") == names


def test_several_numbers_of_a_name_count_from_left_to_right():
    names = ["s2_f9.png", "s2_f10.png", "s10_f1.png"]
    assert natural_order(reversed(names), "folder") == names


@pytest.mark.parametrize(
    "names",
    [
        ["a.jpg", "b.jpg", "c.jpg"],
        ["01.jpg", "02.jpg", "cover.jpg"],
        ["00b.jpg", "0a1.jpg", "1f0.jpg", "c3d.jpg"],  # hexadecimal, all equally long
        ["t1.50.jpg", "t2.25.jpg", "t10.00.jpg"],  # decimal numbers with one order
        ["2024.9.30.jpg", "2024.10.1.jpg"],  # dates
        ["frame.jpg", "frame-1.jpg"],
        ["9_left.jpg", "10_right.jpg"],
        ["clip03_9_jpg.rf.c0ffee.jpg", "clip03_10_jpg.rf.1dea.jpg", "clip03_11_jpg.rf.f00.jpg"],
        ["0" * 5000 + "1.jpg", "9" * 5000 + ".jpg"],
    ],
)
def test_names_with_one_order_are_sorted(names):
    assert natural_order(names[::-1], "folder") == names


@pytest.mark.parametrize(
    "names",
    [
        ["1.jpg", "01.jpg"],
        ["7.jpg", "7.png"],
        ["t1.5.jpg", "t1.25.jpg"],
        ["9.png", "a.png", "10.png"],
        ["1.jpg", "2.jpg", "10.jpg", "cover.jpg"],
        ["-1.jpg", "0.jpg", "1.jpg"],
        ["9a.jpg", "10b.jpg", "1c.jpg"],  # may be hexadecimal
        ["9_a_1.jpg", "9_b_2.jpg", "10_a_3.jpg"],
        ["1_01.jpg", "01_1.jpg", "1-01.jpg"],
        ["2024.10.1 1.5.jpg", "2024.10.1 1.25.jpg"],
    ],
)
def test_an_order_in_doubt_is_an_error_that_names_two_files(names):
    with pytest.raises(InputError, match="folder: which frame comes first, .* or .*") as error:
        natural_order(names, "folder")
    assert sum(name in str(error.value) for name in names) >= 2
    assert not distinct_in_order([name.rsplit(".", 1)[0] for name in names])


def test_files_are_found_by_their_suffix_in_capitals_too_and_hidden_ones_are_passed_over(tmp_path):
    for name in ("2.JPG", "10.jpg", "._2.JPG", ".DS_Store", "notes.txt"):
        (tmp_path / name).touch()
    (tmp_path / "3.jpg").mkdir()
    assert [path.name for path in files_in_order(tmp_path, (".jpg",))] == ["2.JPG", "10.jpg"]


def test_a_link_to_a_file_that_is_gone_is_still_a_frame(tmp_path):
    (tmp_path / "1.jpg").touch()
    (tmp_path / "2.jpg").symlink_to(tmp_path / "gone.jpg")
    assert [path.name for path in files_in_order(tmp_path, (".jpg",))] == ["1.jpg", "2.jpg"]


def test_a_writer_can_ask_whether_its_names_would_be_read_in_order():
    assert distinct_in_order(["1", "2", "10"])
    assert not distinct_in_order(["b", "a"])
    assert not distinct_in_order(["000", "000"])
