import json

import numpy as np
import pytest
from tiny_ovis import write_tiny_ovis

from ovis_jax.converters.sources import Sources
from ovis_jax.formats.annotations import load_annotations
from ovis_jax.tools.convert_annotations import main


@pytest.fixture
def tiny(tmp_path):
    write_tiny_ovis(tmp_path)
    return tmp_path / "annotations.json"


def convert(source, target, path, output, *options):
    arguments = ["--from", source, "--to", target, "--input", path, "--output", output, *options]
    return main([str(argument) for argument in arguments])


def masks(path):
    """The masks of every object by video and category."""
    annotations = load_annotations(path)
    names = {category.id: category.name for category in annotations.categories}
    return {
        (video.file_names[0].split("/")[0], names[instance.category_id]): [
            str(instance.rle(frame)) for frame in range(video.length)
        ]
        for video in annotations.videos
        for instance in annotations.instances_of(video.id)
    }


def test_files_of_crowds_alone_are_said_and_may_be_taken_as_objects(tiny, tmp_path, capsys):
    document = json.loads(tiny.read_text())
    for record in document["annotations"]:
        record["iscrowd"] = 1
    tiny.write_text(json.dumps(document))
    assert convert("ovis", "coco", tiny, tmp_path / "c.json") == 0
    assert "--crowds-are-objects" in capsys.readouterr().out
    back = tmp_path / "back.json"
    assert convert("coco", "ovis", tmp_path / "c.json", back, "--crowds-are-objects") == 0
    assert "note:" not in capsys.readouterr().out
    assert not any(instance.iscrowd for instance in load_annotations(back).instances)


def test_a_single_crowd_is_said_too(tiny, tmp_path, capsys):
    document = json.loads(tiny.read_text())
    document["annotations"][2]["iscrowd"] = 1
    tiny.write_text(json.dumps(document))
    assert convert("ovis", "coco", tiny, tmp_path / "c.json") == 0
    assert "1 of 6 objects are crowds" in capsys.readouterr().out


def test_boxes_that_contradict_masks_are_said_and_may_be_drawn_anew(tiny, tmp_path, capsys):
    document = json.loads(tiny.read_text())
    for record in document["annotations"]:
        record["bboxes"] = [b and [b[0], b[1], b[0] + b[2], b[1] + b[3]] for b in record["bboxes"]]
    tiny.write_text(json.dumps(document))
    assert convert("ovis", "coco", tiny, tmp_path / "c.json") == 0
    (note,) = [line for line in capsys.readouterr().out.splitlines() if line[:5] == "note:"]
    assert "x1, y1, x2, y2" in note and "--boxes-from-masks" in note
    assert convert("coco", "ovis", tmp_path / "c.json", tmp_path / "b", "--boxes-from-masks") == 0
    assert "note:" not in capsys.readouterr().out


@pytest.mark.parametrize("kind", ["coco", "mots", "labelme", "cvat"])
def test_a_data_set_comes_back_from_a_foreign_format(tiny, tmp_path, kind):
    assert convert("ovis", kind, tiny, tmp_path / "there") == 0
    back = tmp_path / "back.json"
    assert convert(kind, "ovis", tmp_path / "there", back, "--categories", tiny) == 0
    assert masks(back) == masks(tiny)


@pytest.mark.parametrize("kind", ["ovis", "coco"])
def test_given_categories_give_their_ids_by_name(tiny, tmp_path, capsys, kind):
    document = json.loads(tiny.read_text())
    for category in document["categories"]:
        category["id"] += 40
    given = tmp_path / "given.json"
    given.write_text(json.dumps(document | dict(videos=[], annotations=None)))
    convert("ovis", kind, tiny, tmp_path / "there.json")
    options = (tmp_path / "there.json", tmp_path / "back.json", "--categories", given)
    assert convert(kind, "ovis", *options) == 0
    assert masks(tmp_path / "back.json") == masks(tiny)
    assert all(i.category_id > 40 for i in load_annotations(tmp_path / "back.json").instances)
    given.write_text(
        json.dumps(dict(videos=[], annotations=None, categories=[dict(id=1, name="x")]))
    )
    assert convert(kind, "ovis", *options) == 2
    assert "is none of the given categories" in capsys.readouterr().err


@pytest.mark.parametrize("kind", ["coco", "davis"])
def test_what_is_in_the_way_of_the_output_is_said(tiny, tmp_path, capsys, kind):
    (tmp_path / "folder").mkdir()
    (tmp_path / "file").touch()
    output = tmp_path / ("folder" if kind == "coco" else "file")
    assert convert("ovis", kind, tiny, output) == 2
    said = "is a folder, expected the name of a file" if kind == "coco" else "is a file, expected"
    assert f"{output}: {said}" in capsys.readouterr().err


def test_foreign_formats_convert_into_each_other_and_losses_are_printed(tiny, tmp_path, capsys):
    assert convert("ovis", "labelme", tiny, tmp_path / "a") == 0
    assert convert("labelme", "davis", tmp_path / "a", tmp_path / "b") == 0
    output = capsys.readouterr().out.splitlines()
    assert output[0] == f"{tmp_path / 'a'}: 3 videos, 6 objects"
    assert "note: categories are not kept" in output


def test_overlapping_masks_are_counted(tiny, tmp_path, capsys):
    document = json.loads(tiny.read_text())
    first, second = document["annotations"][:2]
    second["segmentations"] = first["segmentations"]
    tiny.write_text(json.dumps(document))
    assert convert("ovis", "davis", tiny, tmp_path / "a") == 0
    area = int(np.sum([a for a in first["areas"] if a]))
    assert f"note: {area} pixels of several objects" in capsys.readouterr().out


@pytest.mark.parametrize("target", ["davis", "mots"])
def test_formats_with_too_little_room_say_so_and_leave_nothing(tiny, tmp_path, capsys, target):
    document = json.loads(tiny.read_text())
    one = document["annotations"][0]
    document["annotations"] = [one | {"id": k} for k in range(1000)]
    tiny.write_text(json.dumps(document))
    assert convert("ovis", target, tiny, tmp_path / "out") == 2
    error = capsys.readouterr().err.strip()
    assert "1000 objects" in error and "\n" not in error
    assert not (tmp_path / "out").exists()
    assert not [path for path in tmp_path.iterdir() if path.name.startswith(".")]


def test_category_ids_beyond_16_bits_are_refused(tiny, tmp_path, capsys):
    document = json.loads(tiny.read_text())
    document["categories"].append({"id": 65, "name": "late"})
    tiny.write_text(json.dumps(document))
    assert convert("ovis", "mots", tiny, tmp_path / "out") == 2
    assert "category id 65" in capsys.readouterr().err


def test_a_folder_with_contents_is_kept(tiny, tmp_path, capsys):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine/file").write_text("1")
    assert convert("ovis", "cvat", tiny, tmp_path / "mine") == 2
    assert "new or an empty folder" in capsys.readouterr().err
    assert (tmp_path / "mine/file").read_text() == "1"


def test_missing_input_is_one_line_and_unknown_kinds_exit_with_2(tmp_path, capsys):
    for kind in ("ovis", "coco", "davis", "mots", "mots-txt", "labelme", "cvat", "results"):
        assert convert(kind, "ovis", tmp_path / "nowhere", tmp_path / "out.json") == 2
        error = capsys.readouterr().err.strip()
        assert "nowhere" in error and "\n" not in error
    with pytest.raises(SystemExit) as stopped:
        convert("voc", "ovis", tmp_path, tmp_path / "out.json")
    assert stopped.value.code == 2


def test_notes_of_readers_are_kept_once_each_in_their_order():
    sources, others = Sources(), Sources()
    for text in ("2 points are left out", "no sizes", "2 points are left out"):
        sources.note(text)
    assert sources.notes == ["2 points are left out", "no sizes"] and others.notes == []


def test_file_names_may_have_backslashes_and_are_missed_where_they_are_needed(
    tiny, tmp_path, capsys
):
    document = json.loads(tiny.read_text())
    for video in document["videos"]:
        video["file_names"] = [name.replace("/", "\\") for name in video["file_names"]]
    (tmp_path / "windows.json").write_text(json.dumps(document))
    outputs = []
    for path in (tiny, tmp_path / "windows.json"):
        output = tmp_path / f"{path.stem}_mots"
        assert convert("ovis", "mots", path, output) == 0
        outputs.append(sorted(str(file.relative_to(output)) for file in output.rglob("*")))
    assert outputs[0] == outputs[1]
    del document["videos"][0]["file_names"]
    (tmp_path / "none.json").write_text(json.dumps(document))
    assert convert("ovis", "coco", tmp_path / "none.json", tmp_path / "out.json") == 2
    assert "file_names: missing" in capsys.readouterr().err
    assert convert("ovis", "ovis", tmp_path / "none.json", tmp_path / "out.json") == 0
    assert load_annotations(tmp_path / "out.json").videos[0].file_names == ()
