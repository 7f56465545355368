"""Annotations that are no file yet: checked like one, or made into its contents."""

from __future__ import annotations

from ovis_jax.formats.annotation_records import Instance, Video
from ovis_jax.formats.annotations import Annotations, checked_annotations
from ovis_jax.formats.instance_fields import compact_annotation

_PARTS = ("videos", "categories", "annotations")


def from_document(document: dict, path: str) -> Annotations:
    """Checks the contents of an annotation file; `path` names it in messages.

    Raises:
      InputError: as `load_annotations`.
    """
    parts = {key: document[key] for key in _PARTS if key in document}
    if isinstance(parts.get("annotations"), list):
        parts["annotations"] = [compact_annotation(record) for record in parts["annotations"]]
    return checked_annotations(parts, path)


def to_document(annotations: Annotations) -> dict:
    """The contents of an annotation file in OVIS format; masks are compressed run lengths."""
    annotated = annotations.has_ground_truth
    return {
        "videos": [
            {
                "id": video.id,
                "width": video.width,
                "height": video.height,
                "length": video.length,
                "file_names": list(video.file_names) or None,
                **_annotated_frames(video),
            }
            for video in annotations.videos
        ],
        "categories": [{"id": c.id, "name": c.name} for c in annotations.categories],
        "annotations": [_record(i) for i in annotations.instances] if annotated else None,
    }


def _annotated_frames(video: Video) -> dict:
    frames = video.annotated_frames
    return {} if frames is None else {"annotated_frames": list(frames)}


def _record(instance: Instance) -> dict:
    masks = [instance.rle(frame) for frame in range(len(instance.segmentations))]
    height, width = instance.segmentations.size
    present = [mask is not None for mask in masks]
    boxes, areas = instance.boxes.tolist(), instance.areas.tolist()
    record = {
        "id": instance.id,
        "video_id": instance.video_id,
        "category_id": instance.category_id,
        "iscrowd": int(instance.iscrowd),
        "width": width,
        "height": height,
        "length": len(masks),
        "segmentations": masks,
        "bboxes": [box if box[0] == box[0] else None for box in boxes],
        "areas": [area if there else None for area, there in zip(areas, present, strict=True)],
    }
    if instance.occlusion is not None:
        record["occlusion"] = list(instance.occlusion)
    return record
