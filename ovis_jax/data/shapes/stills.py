"""Still images of Occluded Shapes, with instance annotations in the format of COCO.

Scenes of their own, drawn as single frames: images for training beside the videos (paper, Table 5).
"""

import dataclasses
import pathlib
from collections.abc import Sequence

import numpy as np

from ovis_jax.data.frame_files import write_frame
from ovis_jax.data.shapes.amodal import SceneRecords, amodal_annotation
from ovis_jax.data.shapes.classes import categories_json
from ovis_jax.data.shapes.degradation import degraded
from ovis_jax.data.shapes.parameters import ShapesParameters
from ovis_jax.data.shapes.rendering import render_frame
from ovis_jax.data.shapes.scene import draw_scene

STILLS = "stills"
_STREAM = 2  # of random numbers; 0 and 1 are those of the splits of videos

Still = tuple[dict, list[dict], list[dict]]
"""The record of an image, its annotation records without ids, and those of whole objects."""


def make_still(folder: pathlib.Path, index: int, parameters: ShapesParameters) -> Still:
    """Draws image `index` into `folder`/stills; it depends on the seed and its number alone."""
    key = (parameters.seed, _STREAM, index)
    scene = draw_scene(np.random.default_rng(key), dataclasses.replace(parameters, frames=1))
    frame = render_frame(scene, 0, parameters.width, parameters.height, parameters.motion_blur)
    tracks = SceneRecords(scene.categories + 1, parameters.min_pixels, parameters.amodal)
    tracks.add(frame)
    name = f"{index + 1:05d}.jpg"
    picture = degraded(frame.image, key, 0, parameters.degraded, parameters.degradations)
    write_frame(folder / STILLS / name, picture, parameters.jpeg_quality)
    size = {"width": parameters.width, "height": parameters.height}
    image = {"id": index + 1, **size, "file_name": name}
    records, wholes = tracks.records(video_id=index + 1)
    visible = [_annotation(record) for record in records]
    return image, visible, list(map(amodal_annotation, visible, wholes))


def stills_documents(stills: Sequence[Still], parameters: ShapesParameters) -> dict[str, dict]:
    """The annotation files of images, by name."""
    visible = [(image, own) for image, own, _ in stills]
    documents = {f"instances_{STILLS}.json": _document(visible, parameters)}
    if parameters.amodal:
        whole = [(image, own) for image, _, own in stills]
        documents[f"amodal_{STILLS}.json"] = _document(whole, parameters)
    return documents


def _document(stills: Sequence[tuple[dict, list[dict]]], parameters: ShapesParameters) -> dict:
    records = [record for _, own in stills for record in own]
    return {
        "info": {"description": "Occluded Shapes, still images"},
        "images": [image for image, _ in stills],
        "categories": categories_json(parameters.pairs),
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
