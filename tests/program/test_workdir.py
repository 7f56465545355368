import json
import re

import pytest

from configs import quickstart
from ovis_jax.formats.errors import InputError
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


def test_a_file_in_the_place_of_the_folder_or_a_broken_record_is_bad_input(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="expected a folder"):
        Workdir(tmp_path / "file", plain())
    (tmp_path / "config.json").write_text("{")
    with pytest.raises(InputError, match="config.json: cannot be read"):
        Workdir(tmp_path, plain())


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
