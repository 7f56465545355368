"""OVIS: 901 videos of 25 categories whose objects hide one another."""

from __future__ import annotations

import pathlib
from collections.abc import Mapping

from ovis_jax.data.tfds.manual_download import SplitLayout
from ovis_jax.data.tfds.video_builder import AnnotatedSplit, VideoBuilder, layout_splits


class Ovis(VideoBuilder):
    """Builder of OVIS."""

    name = "ovis"
    TITLE = "OVIS, Occluded Video Instance Segmentation"
    SUMMARY = (
        "Videos of 25 categories with the masks of all their objects and, for every object and "
        "frame, its level of occlusion."
    )
    HOMEPAGE = "https://songbai.site/ovis/"
    CITATION = """
        @article{qi2022occluded,
          title   = {Occluded Video Instance Segmentation: A Benchmark},
          author  = {Qi, Jiyang and Gao, Yan and Hu, Yao and Wang, Xinggang and Liu, Xiaoyu and
                     Bai, Xiang and Belongie, Serge and Yuille, Alan and Torr, Philip H. S. and
                     Bai, Song},
          journal = {International Journal of Computer Vision},
          volume  = {130},
          year    = {2022}
        }"""
    MANUAL_DOWNLOAD_INSTRUCTIONS = """
        Register on the home page and put into the folder: annotations_train.json,
        annotations_valid.json, and train.zip and valid.zip (or, extracted, train/ and valid/).
        The test split is built if annotations_test.json and test.zip (or test/) are there."""

    def _annotated_splits(self, dl_manager) -> Mapping[str, AnnotatedSplit]:
        layouts = {
            split: SplitLayout(
                annotations=(f"annotations_{split}.json",),
                frames=(split,),
                frame_archives=(f"{split}.zip",),
            )
            for split in ("train", "valid", "test")
        }
        return layout_splits(pathlib.Path(dl_manager.manual_dir), layouts, optional=("test",))
