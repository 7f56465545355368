import copy
import json
import re

import pytest

from configs import quickstart
from configs.parts import sipmask
from ovis_jax.checkpoints.packed import read_packed
from ovis_jax.demo import MODEL
from ovis_jax.formats.errors import InputError
from ovis_jax.program.config_changes import completed
from ovis_jax.program.workdir import Workdir


def plain(**train):
    config = quickstart.get_config().copy_and_resolve_references()
    config.train.update(train)
    return json.loads(config.to_json())


def test_nothing_is_written_before_the_claim(tmp_path):
    Workdir(tmp_path / "run", plain())
    assert not (tmp_path / "run").exists()


def test_the_claim_writes_the_configuration_once_and_every_start(tmp_path):
    for _ in range(2):
        Workdir(tmp_path / "run", plain()).claim()
    assert json.loads((tmp_path / "run" / "config.json").read_text()) == plain()
    starts = json.loads((tmp_path / "run" / "run.json").read_text())["starts"]
    assert len(starts) == 2 and starts[0]["versions"]["jax"] and starts[0]["command"]
    assert starts[0]["revision"] is None or re.fullmatch(
        "[0-9a-f]{40}(-dirty)?", starts[0]["revision"]
    )


def test_another_configuration_is_bad_input_that_names_the_fields(tmp_path):
    Workdir(tmp_path, plain()).claim()
    before = {p.name: p.read_bytes() for p in tmp_path.iterdir()}
    with pytest.raises(InputError) as error:
        Workdir(tmp_path, plain(batch_size=2, schedule="step"))
    message = str(error.value)
    assert "config.train.batch_size is 4 there and 2 here" in message
    assert "config.train.schedule" in message and "momentum" not in message
    assert {p.name: p.read_bytes() for p in tmp_path.iterdir()} == before


def test_a_part_that_is_absent_differs_from_a_part(tmp_path):
    without = plain()
    without["model"]["calibration"] = None
    Workdir(tmp_path, without).claim()
    with pytest.raises(InputError, match=r"config\.model\.calibration is None there and 'absent'"):
        Workdir(tmp_path, plain())


def test_an_oracle_of_prediction_is_no_part_of_the_run(tmp_path):
    today, earlier = plain(), plain()
    today["predict"]["oracle"] = "image"
    del earlier["predict"]["oracle"]
    Workdir(tmp_path / "new", today).claim()
    kept = json.loads((tmp_path / "new" / "config.json").read_text())
    assert kept == plain() and today["predict"]["oracle"] == "image"
    (tmp_path / "old").mkdir()
    (tmp_path / "old" / "config.json").write_text(json.dumps(earlier))
    folder = Workdir(tmp_path / "old", today)
    assert folder.outputs("image") == tmp_path / "old" / "oracles" / "image"
    assert folder.outputs("") == tmp_path / "old"


def test_a_folder_from_before_the_tracker_was_a_part_holds_the_same_run(tmp_path):
    Workdir(tmp_path, plain()).claim()
    tracker = {"score_weight": 1.0, "iou_weight": 2.0, "label_weight": 10.0}
    today = plain()
    today["model"] |= {"linker": "cues", "tracker": tracker}
    Workdir(tmp_path, today)
    for other in ({"tracker": tracker | {"iou_weight": 1.0}}, {"linker": "iou"}):
        changed = plain()
        changed["model"] = today["model"] | other
        with pytest.raises(InputError, match=r"config\.model\.(linker|tracker\.iou_weight) is "):
            Workdir(tmp_path, changed)


def test_a_folder_from_before_the_settings_of_fcos_holds_the_same_run(tmp_path):
    names = ("radius", "regress_ranges", "focal_alpha", "focal_gamma", "nms_iou")
    today = plain()
    today["model"]["fcos"] = json.loads(sipmask.model().to_json())["fcos"]
    before = copy.deepcopy(today)
    for name in names:
        del before["model"]["fcos"][name]
    Workdir(tmp_path, before).claim()
    Workdir(tmp_path, today)
    for name in names:
        changed = copy.deepcopy(today)
        changed["model"]["fcos"][name] = 3
        with pytest.raises(InputError, match=rf"config\.model\.fcos\.{name} is "):
            Workdir(tmp_path, changed)


def test_a_folder_from_before_more_could_be_set_holds_the_same_run(tmp_path):
    today = plain()
    names = ("second_moment", "nesterov", "undecayed", "schedule_power", "schedule_final_factor")
    before = copy.deepcopy(today)
    for name in names:
        del before["train"][name]
    del before["data"]["resize"], before["data"]["inclusive_boxes"]
    Workdir(tmp_path, before).claim()
    Workdir(tmp_path, today)
    assert completed(before) == today
    for name in names:
        changed = copy.deepcopy(today)
        changed["train"][name] = 3
        with pytest.raises(InputError, match=rf"config\.train\.{name} is "):
            Workdir(tmp_path, changed)


def with_values(fields, values):
    """The fields of one configuration, with the values of another one where it has them."""
    if not isinstance(fields, dict) or not isinstance(values, dict):
        return values
    return {
        name: with_values(own, values[name]) if name in values else own
        for name, own in fields.items()
    }


def test_a_folder_from_before_any_later_field_of_mask_track_rcnn_holds_the_same_run(tmp_path):
    """The packaged model is as old as the package, and lacks what was added since."""
    before = json.loads(json.dumps(read_packed(MODEL).config))  # without tuples
    today = with_values(json.loads(quickstart.get_config().to_json()), before)
    assert "nms_across_classes" not in before["model"]["box"]
    Workdir(tmp_path, before).claim()
    Workdir(tmp_path, today)


def test_a_file_in_the_place_of_the_folder_or_a_broken_record_is_bad_input(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="expected a folder"):
        Workdir(tmp_path / "file", plain())
    (tmp_path / "config.json").write_text("{")
    with pytest.raises(InputError, match="config.json: cannot be read"):
        Workdir(tmp_path, plain())


def start_twice(folder, first, second, **options):
    """Claims a folder with one configuration, then with another; what run.json says at last."""
    Workdir(folder, first).claim()
    Workdir(folder, second).claim(**options)
    return json.loads((folder / "run.json").read_text())["starts"]


def test_other_logging_is_allowed_and_kept_on_record(tmp_path):
    later = plain(log_every=7, evaluate_every=3, checkpoint_every=9, keep_checkpoints=1)
    later["predict"]["overlay_videos"] = 0
    first, second = start_twice(tmp_path, plain(), later)
    assert json.loads((tmp_path / "config.json").read_text()) == later
    assert "changes" not in first
    assert second["changes"]["config.train.log_every"] == {"old": 50, "new": 7}
    assert len(second["changes"]) == 5


def test_another_loader_is_the_same_run(tmp_path):
    older, later = plain(), plain()
    del older["data"]["loader"]
    later["data"]["loader"] = "threads"
    _, second = start_twice(tmp_path, older, later)
    assert second["changes"] == {"config.data.loader": {"old": "auto", "new": "threads"}}
    assert "changes" not in start_twice(tmp_path / "same", older, plain())[1]


def test_a_longer_run_is_left_to_training_to_judge(tmp_path):
    starts = start_twice(tmp_path, plain(), plain(num_steps=3000), trains=False)
    assert "changes" not in starts[1]
    assert json.loads((tmp_path / "config.json").read_text()) == plain()
    workdir = Workdir(tmp_path, plain(num_steps=3000))
    (change,) = workdir.changes.length
    assert (change.field, change.old, change.new) == ("config.train.num_steps", 1500, 3000)
    workdir.claim()
    assert json.loads((tmp_path / "config.json").read_text()) == plain(num_steps=3000)


def test_predictions_with_other_settings_are_another_configuration(tmp_path):
    Workdir(tmp_path, plain()).claim()
    other = plain()
    other["predict"]["reference_window"] = 5
    with pytest.raises(InputError, match=r"config\.predict\.reference_window"):
        Workdir(tmp_path, other)


def placed(folder, **data):
    """A configuration whose data are in a folder."""
    config = plain()
    config["data"] |= {
        "train_annotations": str(folder / "train.json"),
        "train_images": str(folder / "frames"),
        "eval_annotations": str(folder / "train.json"),
        "eval_images": str(folder / "frames"),
    }
    config["data"] |= data
    return config


def write_data(folder, pixel="a"):
    (folder / "frames").mkdir(parents=True)
    (folder / "frames" / "0.jpg").write_text(pixel)
    (folder / "train.json").write_text(json.dumps({"videos": [{"file_names": ["0.jpg"]}]}))
    return placed(folder)


def test_data_that_moved_are_allowed_if_they_are_the_same(tmp_path):
    before = write_data(tmp_path / "a")
    Workdir(tmp_path / "run", before).claim()
    (tmp_path / "a").rename(tmp_path / "b")
    moved = placed(tmp_path / "b")
    starts = start_twice(tmp_path / "run", moved, moved)
    assert set(starts[1]["changes"]) == {
        f"config.data.{part}_{kind}"
        for part in ("train", "eval")
        for kind in ("annotations", "images")
    }
    assert "changes" not in starts[2]
    assert json.loads((tmp_path / "run" / "config.json").read_text()) == moved


@pytest.mark.parametrize("change", ["pixel", "annotations", "gone"])
def test_other_data_are_another_configuration(tmp_path, change):
    Workdir(tmp_path / "run", write_data(tmp_path / "a")).claim()
    other = write_data(tmp_path / "b", pixel="b" if change == "pixel" else "a")
    if change == "annotations":
        (tmp_path / "b" / "train.json").write_text('{"videos": [{"file_names": []}]}')
    if change == "gone":
        (tmp_path / "b" / "frames" / "0.jpg").unlink()
    words = "cannot be read to compare" if change == "gone" else "other data"
    with pytest.raises(InputError, match=words):
        Workdir(tmp_path / "run", other)


def test_without_a_record_of_the_data_the_old_place_is_looked_at(tmp_path):
    before, after = write_data(tmp_path / "a"), write_data(tmp_path / "b")
    Workdir(tmp_path / "run", before).claim()
    record = tmp_path / "run" / "run.json"
    record.write_text(json.dumps({"starts": json.loads(record.read_text())["starts"]}))
    assert len(Workdir(tmp_path / "run", after).changes.harmless) == 4
    (tmp_path / "a" / "train.json").unlink()
    with pytest.raises(InputError, match="the data there cannot be read to compare"):
        Workdir(tmp_path / "run", after)


def test_paths_that_are_not_read_may_be_anything(tmp_path):
    before = write_data(tmp_path / "a")
    other = json.loads(json.dumps(before))
    other["data"]["pseudo_video"]["images"] = "elsewhere"
    starts = start_twice(tmp_path / "run", before, other)
    assert "config.data.pseudo_video.images" in starts[1]["changes"]


def test_fields_that_an_older_configuration_lacks_mean_what_was_done_then(tmp_path):
    older = plain()
    del older["data"]["boxes"], older["data"]["crowds_are_objects"]
    Workdir(tmp_path, older).claim()
    assert Workdir(tmp_path, plain()).changes.harmless == ()
    masks = plain()
    masks["data"]["boxes"] = "masks"
    with pytest.raises(InputError, match=r"config\.data\.boxes is 'file' there and 'masks' here"):
        Workdir(tmp_path, masks)


def test_a_folder_from_before_a_field_existed_is_of_its_first_behaviour(tmp_path):
    Workdir(tmp_path, plain()).claim()
    saved = plain()
    del saved["data"]["clip"]
    (tmp_path / "config.json").write_text(json.dumps(saved))
    Workdir(tmp_path, plain()).claim()
    changed = plain()
    changed["data"]["clip"]["num_frames"] = 3
    with pytest.raises(InputError, match="data.clip.num_frames is 2 there and 3 here"):
        Workdir(tmp_path, changed)
