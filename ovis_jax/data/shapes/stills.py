"""Still images of Occluded Shapes, with instance annotations in the format of COCO.

Scenes of their own, drawn as single frames: images for training beside the videos (paper, Table 5).
"""

import dataclasses
import pathlib
from collections.abc import Sequence

import numpy as np

from ovis_jax.data.frame_files import write_frame
from ovis_jax.data.shapes.appearance import CATEGORIES
from ovis_jax.data.shapes.parameters import ShapesParameters
from ovis_jax.data.shapes.rendering import render_frame
from ovis_jax.data.shapes.scene import draw_scene
from ovis_jax.data.track_records import TrackRecords

STILLS = "stills"
_STREAM = 2  # of random numbers; 0 and 1 are those of the splits of videos

Still = tuple[dict, list[dict]]
"""The record of an image, and its annotation records without ids."""


def make_still(folder: pathlib.Path, index: int, parameters: ShapesParameters) -> Still:
    """Draws image `index` into `folder`/stills; it depends on the seed and its number alone."""
    rng = np.random.default_rng([parameters.seed, _STREAM, index])
    scene = draw_scene(rng, dataclasses.replace(parameters, frames=1))
    frame = render_frame(scene, 0, parameters.width, parameters.height, parameters.motion_blur)
    tracks = TrackRecords(scene.categories + 1, parameters.min_pixels)
    tracks.add((frame.owners == i for i in range(len(frame.full_areas))), frame.full_areas)
    name = f"{index + 1:05d}.jpg"
    write_frame(folder / STILLS / name, frame.image, parameters.jpeg_quality)
    size = {"width": parameters.width, "height": parameters.height}
    image = {"id": index + 1, **size, "file_name": name}
    return image, [_annotation(record) for record in tracks.records(video_id=index + 1)]


def stills_document(stills: Sequence[Still]) -> dict:
    """The annotation file of images."""
    records = [record for _, own in stills for record in own]
    return {
        "info": {"description": "Occluded Shapes, still images"},
        "images": [image for image, _ in stills],
        "categories": [{"id": i + 1, "name": name} for i, name in enumerate(CATEGORIES)],
        "annotations": [{"id": i + 1, **record} for i, record in enumerate(records)],
    }


def _annotation(record: dict) -> dict:
    """The record of an object of a video of one frame as that of an image."""
    return {
        "image_id": record["video_id"],
        "category_id": record["category_id"],
        "iscrowd": 0,
        "segmentation": record["segmentations"][0],
        "bbox": record["bboxes"][0],
        "area": record["areas"][0],
    }
