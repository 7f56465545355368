"""YouTube-VIS, the releases of 2019 and 2021: 40 categories each."""

from __future__ import annotations

import pathlib
from collections.abc import Mapping

from ovis_jax.data.tfds.manual_download import SplitLayout
from ovis_jax.data.tfds.video_builder import AnnotatedSplit, VideoBuilder, layout_splits

_CITATION = """
    @inproceedings{yang2019video,
      title     = {Video Instance Segmentation},
      author    = {Yang, Linjie and Fan, Yuchen and Xu, Ning},
      booktitle = {IEEE/CVF International Conference on Computer Vision},
      year      = {2019}
    }"""
_INSTRUCTIONS = """
    Register on the home page and put into the folder: train.zip and valid.zip (or, extracted,
    train/JPEGImages/ and valid/JPEGImages/) with train.json and valid.json, or with
    train/instances.json and valid/instances.json (also within the zip files). The test split is
    built if it is there."""


class _YoutubeVis(VideoBuilder, skip_registration=True):
    """What both releases share."""

    HOMEPAGE = "https://youtube-vos.org/dataset/vis/"
    CITATION = _CITATION
    MANUAL_DOWNLOAD_INSTRUCTIONS = _INSTRUCTIONS

    def _annotated_splits(self, dl_manager) -> Mapping[str, AnnotatedSplit]:
        layouts = {
            split: SplitLayout(
                annotations=(f"{split}.json", f"{split}/instances.json"),
                frames=(f"{split}/JPEGImages",),
                frame_archives=(f"{split}.zip",),
                annotation_archives=(f"{split}.zip",),
            )
            for split in ("train", "valid", "test")
        }
        return layout_splits(pathlib.Path(dl_manager.manual_dir), layouts, optional=("test",))


class YoutubeVis2019(_YoutubeVis):
    """Builder of YouTube-VIS 2019."""

    name = "youtube_vis_2019"
    TITLE = "YouTube-VIS 2019"
    SUMMARY = "Videos of 40 categories with the masks of their objects."


class YoutubeVis2021(_YoutubeVis):
    """Builder of YouTube-VIS 2021."""

    name = "youtube_vis_2021"
    TITLE = "YouTube-VIS 2021"
    SUMMARY = "More videos, and 40 revised categories, with the masks of their objects."
