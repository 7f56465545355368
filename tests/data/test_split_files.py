import gzip
import json

import pytest
from data.rectangles import CATEGORIES, track, video, write

from ovis_jax.data.split_files import PARTS, read_contents, write_split
from ovis_jax.formats.annotations import load_annotations
from ovis_jax.formats.errors import InputError

BOX = (0, 0, 4, 4)


@pytest.fixture
def document(tmp_path):
    """A file of 12 videos with one or two objects each; returns its path and contents."""
    videos = [video(k, 2) for k in range(12, 0, -1)]
    annotations = [track(k, k, 2 + 2 * (k % 2), [BOX, None], "n-") for k in range(1, 13)]
    annotations += [track(20 + k, k, 4, [BOX, BOX], "sv") for k in range(3, 9)]
    path = write(tmp_path / "a.json", videos, annotations, more={"free": [1.5, None]})
    return path, json.loads(path.read_text())


def split(source, folder, ids):
    outputs = {part: folder / f"{part}.json" for part in PARTS}
    write_split(source, ids, outputs)
    return outputs


def test_contents_are_counted_by_video_and_sorted_category(document):
    own = read_contents(document[0])
    assert own.video_ids.tolist() == list(range(12, 0, -1))
    assert [category.id for category in own.categories] == [2, 4, 9]
    assert own.num_instances[own.video_ids == 4].tolist() == [[1, 1, 0]]
    assert own.num_instances.sum(0).tolist() == [6, 12, 0]


@pytest.mark.parametrize("packed", [False, True])
def test_the_parts_hold_every_record_once_and_everything_else_twice(document, tmp_path, packed):
    source, whole = document
    if packed:
        source = tmp_path / "a.json.gz"
        source.write_bytes(gzip.compress(document[0].read_bytes()))
    outputs = split(source, tmp_path / "new", [3, 4, 9])
    parts = {part: json.loads(path.read_text()) for part, path in outputs.items()}
    for part, got in parts.items():
        inside = {3, 4, 9} if part == "minival" else set(range(1, 13)) - {3, 4, 9}
        want = whole | {
            "videos": [v for v in whole["videos"] if v["id"] in inside],
            "annotations": [a for a in whole["annotations"] if a["video_id"] in inside],
        }
        assert got == want and list(got) == list(whole)
        assert len(load_annotations(outputs[part]).videos) == len(inside)


def test_a_part_without_objects_is_a_file_without_objects(document, tmp_path):
    source = write(tmp_path / "b.json", [video(1, 1), video(2, 1)], [track(1, 1, 2, [BOX])])
    outputs = split(source, tmp_path, [2])
    assert load_annotations(outputs["minival"]).instances == ()
    assert len(load_annotations(outputs["train"]).instances) == 1


def test_nothing_is_written_from_a_file_that_breaks_off(document, tmp_path):
    source = tmp_path / "broken.json"
    source.write_bytes(document[0].read_bytes()[:-200])
    with pytest.raises(InputError, match="broken.json: malformed JSON"):
        split(source, tmp_path / "new", [3])
    assert not list((tmp_path / "new").iterdir())


def test_the_file_itself_is_never_overwritten(document, tmp_path):
    source = tmp_path / "train.json"
    source.write_bytes(document[0].read_bytes())
    with pytest.raises(InputError, match="is the file to split"):
        split(source, tmp_path, [3])
    assert source.read_bytes() == document[0].read_bytes()


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        (dict(annotations=None), "annotations: expected a list"),
        (dict(annotations=[{"video_id": 1}]), r"annotations\[0\]: category_id: missing"),
        (dict(annotations=[{"video_id": 77, "category_id": 2}]), "video_id: 77 is not in the file"),
        (
            dict(annotations=[{"video_id": 1, "category_id": 5}]),
            "category_id: 5 is not in the file",
        ),
        (dict(annotations=[7]), r"annotations\[0\]: expected an object"),
        (dict(videos=[video(1, 1)], annotations=[]), "videos: 1, expected at least 2"),
        (dict(categories=CATEGORIES[:1] * 2), "both have the id 4"),
    ],
)
def test_bad_files_are_named(document, tmp_path, changed, message):
    path = tmp_path / "bad.json"
    path.write_text(json.dumps(document[1] | changed))
    with pytest.raises(InputError, match=f"bad.json: {message}|bad.json: .*{message}"):
        read_contents(path)


def test_all_problems_of_objects_are_listed(document, tmp_path):
    contents = json.loads(json.dumps(document[1]))
    contents["annotations"][0]["video_id"] = "one"
    contents["annotations"][1]["category_id"] = None
    (tmp_path / "bad.json").write_text(json.dumps(contents))
    with pytest.raises(InputError) as error:
        read_contents(tmp_path / "bad.json")
    first, second = str(error.value).splitlines()
    assert "annotations[0]: video_id" in first and "annotations[1]: category_id" in second
