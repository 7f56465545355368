import pytest
from tiny_downloads import write_ovis_download
from tiny_ovis import tiny_config

from ovis_jax.data import tfds as builders
from ovis_jax.data.samples import open_training_data
from ovis_jax.tools.build_records import main
from ovis_jax.tools.options import RECORDS


def _arguments(tmp_path, *more):
    paths = ["--download", str(tmp_path / "download"), "--output", str(tmp_path / "built")]
    return ["--dataset", "ovis", *paths, *more]


@pytest.mark.parametrize(
    "more", [[], ["--config", "prepared", "--image_scale", "48", "32", "--image_encoding", "png"]]
)
def test_the_folder_that_is_printed_can_be_trained_on(tmp_path, capsys, more):
    write_ovis_download(tmp_path)
    assert main(_arguments(tmp_path, *more)) == 0
    *_, train, valid, folder = capsys.readouterr().out.splitlines()
    assert train == "train: 18 examples in 1 files" and valid.startswith("valid: 18 examples")
    config = tiny_config("/none", "/none")
    config.train_records = folder
    assert open_training_data(config, 4).num_samples == 15


def test_a_missing_file_is_one_line_and_exit_code_2(tmp_path, capsys):
    write_ovis_download(tmp_path)
    (tmp_path / "download/train/clip1/00002.jpg").unlink()
    assert main(_arguments(tmp_path)) == 2
    last = capsys.readouterr().err.strip().splitlines()[-1]
    assert last.startswith("ovis-jax generate records: ") and last.endswith("train/clip1/00002.jpg")


@pytest.mark.parametrize(
    "more, message",
    [
        (["--image_scale", "48", "32"], "--config: frames"),
        (["--download", "/none"], "/none: no such folder"),
        (["--dataset", "occluded_shapes"], "download, but occluded_shapes is generated"),
        (["--config", "prepared", "--image_scale", "0", "32"], "image_scale"),
    ],
)
def test_arguments_that_make_no_sense_are_one_line_and_exit_code_2(tmp_path, capsys, more, message):
    (tmp_path / "download").mkdir()
    assert main(_arguments(tmp_path, *more)) == 2
    (line,) = capsys.readouterr().err.strip().splitlines()
    assert message in line


def test_a_data_set_that_is_not_generated_needs_its_download(tmp_path, capsys):
    assert main(["--dataset", "youtube_vis_2021", "--output", str(tmp_path)]) == 2
    assert "--download" in capsys.readouterr().err


def test_every_builder_can_be_asked_for():
    assert sorted(getattr(builders, name).name for name in builders.__all__) == sorted(RECORDS)
