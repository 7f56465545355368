import pytest
from converters.random_clips import CATEGORIES

from ovis_jax.converters.written_names import numbering_note, video_names, written_videos
from ovis_jax.formats.documents import from_document


def annotations_of(*videos):
    """Annotations without objects, of videos given as lists of names of frames."""
    records = [
        dict(id=number, width=4, height=4, length=len(names), file_names=names)
        for number, names in enumerate(videos, start=1)
    ]
    return from_document(dict(videos=records, categories=CATEGORIES, annotations=[]), "names")


@pytest.mark.parametrize(
    "stems", [["0", "9", "10"], ["a", "b"], ["é", "ü x"], ["t1.5", "t2.25"], ["frame (1)"]]
)
def test_names_that_come_back_in_order_are_kept(stems):
    (written,) = written_videos(annotations_of([f"clip/{stem}.jpg" for stem in stems]))
    assert (written.stems, written.folder, written.numbered) == (stems, "clip", False)


@pytest.mark.parametrize(
    "names",
    [
        ["c/b.jpg", "c/a.jpg"],
        ["left/0.jpg", "right/0.jpg"],
        ["c/0.jpg", "c/0.jpg"],
        ["c/0.jpg", "c/0.png"],
        ["c/a.jpg", "c/A.jpg"],
        ["c/A\u0301.jpg", "c/\u00c1.jpg"],
        ["c/stra\u00dfe.jpg", "c/strasse.jpg"],
        ["c/1.jpg", "c/01.jpg"],
        ["c/a:1.jpg", "c/a:2.jpg"],
        ["c/.1.jpg", "c/.2.jpg"],
        ["c/nul.jpg"],
        ["c/AUX.x.jpg"],
        ["c/1 .jpg"],
        ["c/ 1.jpg"],
        ["c/1..jpg"],
        ["c/\x07.jpg"],
        ["c/\ud800.jpg"],
        [f"c/{'x' * 300}.jpg"],
        [""],
    ],
)
def test_names_that_are_no_files_in_order_become_numbers_and_that_is_noted(names):
    written = written_videos(annotations_of(names))
    assert written[0].stems == [f"{frame:05d}" for frame in range(len(names))]
    (note,) = numbering_note(written, ".png")
    assert "1 videos are written under numbers" in note and "00000.png" in note
    assert "\n" not in note


@pytest.mark.parametrize(
    "folders, names",
    [
        (["clip", "Clip"], ["video_1", "video_2"]),
        (["\u00e4", "a\u0308"], ["video_1", "video_2"]),
        (["a", "video_3", "."], ["a", "video_2", "video_3"]),
        (["video_3", "x/y", "Video_2"], ["video_1", "video_2", "video_3"]),
        ([".hidden", "__MACOSX", "a:b", "con"], ["video_1", "video_2", "video_3", "video_4"]),
        (["video_2", "video_1"], ["video_2", "video_1"]),
    ],
)
def test_no_two_videos_share_a_folder_on_any_system(folders, names):
    videos = annotations_of(*([f"{folder}/0.jpg"] for folder in folders)).videos
    assert video_names(videos) == names
