"""COCO 2017 with instance masks: images as videos of one frame."""

from __future__ import annotations

import pathlib
from collections.abc import Mapping

from ovis_jax.data.tfds.manual_download import SplitLayout
from ovis_jax.data.tfds.video_builder import AnnotatedSplit, VideoBuilder, layout_splits
from ovis_jax.formats.coco_images import load_coco


class CocoInstances(VideoBuilder):
    """Builder of COCO 2017."""

    name = "coco_instances"
    TITLE = "COCO 2017, instance segmentation"
    SUMMARY = "Images with the masks of all objects of 80 categories; a video has one frame."
    HOMEPAGE = "https://cocodataset.org"
    CITATION = """
        @inproceedings{lin2014microsoft,
          title     = {Microsoft {COCO}: Common Objects in Context},
          author    = {Lin, Tsung-Yi and Maire, Michael and Belongie, Serge and Hays, James and
                       Perona, Pietro and Ramanan, Deva and Doll{\\'a}r, Piotr and
                       Zitnick, C. Lawrence},
          booktitle = {European Conference on Computer Vision},
          year      = {2014}
        }"""
    MANUAL_DOWNLOAD_INSTRUCTIONS = """
        Put into the folder: train2017.zip, val2017.zip and annotations_trainval2017.zip (or,
        extracted, train2017/, val2017/ and annotations/instances_train2017.json and
        annotations/instances_val2017.json)."""

    def _annotated_splits(self, dl_manager) -> Mapping[str, AnnotatedSplit]:
        layouts = {
            split: SplitLayout(
                annotations=(f"annotations/instances_{name}.json",),
                frames=(name,),
                frame_archives=(f"{name}.zip",),
                annotation_archives=("annotations_trainval2017.zip",),
            )
            for split, name in (("train", "train2017"), ("valid", "val2017"))
        }
        folder = pathlib.Path(dl_manager.manual_dir)
        return layout_splits(folder, layouts, load=load_coco)
