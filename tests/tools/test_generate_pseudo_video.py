import json
import pathlib
import subprocess
import sys

import cv2
import numpy as np
import pytest
from tiny_coco import NAMES, write_tiny_coco
from tiny_ovis import write_tiny_ovis

from ovis_jax.formats.annotations import load_annotations

ROOT = pathlib.Path(__file__).parents[2]


@pytest.fixture(scope="module")
def coco(tmp_path_factory):
    return write_tiny_coco(tmp_path_factory.mktemp("coco"))


def run(coco, output, *options, names=NAMES):
    fields = {"annotations": coco[0], "images": coco[1], "categories": names}
    fields["pasting.probability"] = 1.0
    return subprocess.run(
        [
            *(sys.executable, "-m", "ovis_jax.tools.generate_pseudo_video"),
            *("--config=configs/quickstart.py", f"--output={output}", "--frames=4"),
            *(f"--config.data.pseudo_video.{name}={value}" for name, value in fields.items()),
            *options,
        ],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )


def test_clips_are_written_as_a_data_set_in_ovis_format(coco, tmp_path):
    process = run(coco, tmp_path / "a", "--videos=3")
    assert process.returncode == 0, process.stderr
    annotations = load_annotations(tmp_path / "a/annotations.json")
    annotations.check_frames(tmp_path / "a/frames")
    assert [v.length for v in annotations.videos] == [4, 4, 4]
    assert [c.name for c in annotations.categories] == ["red", "green"]
    levels = set()
    for video in annotations.videos:
        image = cv2.imread(str(tmp_path / "a/frames" / video.file_names[0]))
        assert image.shape == (video.height, video.width, 3)
        assert min(video.width, video.height) == 192 or max(video.width, video.height) == 320
        instances = annotations.instances_of(video.id)
        assert len(instances) > 2
        for frame in range(4):
            masks = [i.mask(frame) for i in instances if i.mask(frame) is not None]
            assert np.sum(masks, axis=0).max() <= 1
        levels |= {level for i in instances for level in i.occlusion}
    assert {"no_occlusion", "slight_occlusion"} <= levels


def test_without_pairs_of_names_the_categories_are_those_of_the_training_videos(coco, tmp_path):
    videos = write_tiny_ovis(tmp_path / "videos")
    path = f"--config.data.train_annotations={videos.train_annotations}"
    process = run(coco, tmp_path / "a", "--videos=2", path, names=())
    assert process.returncode == 0, process.stderr
    annotations = load_annotations(tmp_path / "a/annotations.json")
    assert [c.name for c in annotations.categories] == ["red", "green"]
    found = {i.category_id for v in annotations.videos for i in annotations.instances_of(v.id)}
    assert found == {c.id for c in annotations.categories if c.name == "green"}


def test_the_seed_decides_and_bad_input_is_one_line(coco, tmp_path):
    for name in ("a", "b"):
        assert run(coco, tmp_path / name, "--videos=1", "--seed=7").returncode == 0
    documents = [json.loads((tmp_path / n / "annotations.json").read_text()) for n in ("a", "b")]
    assert documents[0] == documents[1]
    for options in (["--videos=9"], ["--frames=0"], ["--videos=1"]):
        folder = tmp_path / ("a" if options == ["--videos=1"] else "c")
        process = run(coco, folder, *options)
        assert process.returncode == 2 and len(process.stderr.strip().splitlines()) == 1
    assert not (tmp_path / "c").exists()
