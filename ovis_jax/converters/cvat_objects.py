"""From tracks of CVAT to objects of a video."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Sequence
from xml.etree.ElementTree import Element

from ovis_jax.converters.clips import Clip
from ovis_jax.converters.cvat_shapes import USABLE, joined_segmentations, segmentation
from ovis_jax.converters.cvat_tracks import Track
from ovis_jax.converters.cvat_writing import OCCLUSION_ATTRIBUTE
from ovis_jax.converters.sources import Sources
from ovis_jax.formats.annotation_records import OCCLUSION_LEVELS
from ovis_jax.formats.errors import InputError


def objects_of(tracks: Iterable[Track]) -> list[list[Track]]:
    """The tracks of each object: those of one label and group, or one alone."""
    objects: dict[Hashable, list[Track]] = {}
    for number, track in enumerate(tracks):
        key = number if track.group == "0" else (track.label, track.group)
        objects.setdefault(key, []).append(track)
    return list(objects.values())


def note_groups(objects: Sequence[Sequence[Track]], sources: Sources, where: str) -> None:
    """Notes what groups did, or would have done; `where` names file and video."""
    joined = [parts for parts in objects if len(parts) > 1]
    alone = [parts[0] for parts in objects if len(parts) == 1]
    if joined:
        num_tracks = sum(map(len, joined))
        sources.note(
            f"{where}: {num_tracks} tracks are taken as {len(joined)} objects, since they share "
            f"label and group_id"
        )
    lone_masks = [track for track in alone if _is_lone_mask(track)]
    if len({entry.frame for track in lone_masks for entry in track.entries if entry.visible}) > 1:
        sources.note(
            f"{where}: {len(lone_masks)} masks without group_id are taken as objects of one frame "
            f"each; group the masks of an object in CVAT to keep its identity"
        )


def _is_lone_mask(track: Track) -> bool:
    visible = [entry.shape.tag for entry in track.entries if entry.visible]
    return visible == ["mask"]


def add_object(
    clip: Clip, category_id: int, tracks: Sequence[Track], indices: Sequence[int]
) -> None:
    """Adds an object to a video.

    Args:
      clip: gets it.
      category_id: of the object.
      tracks: its parts, whose entries have indices of frames of the task.
      indices: of the task's frames that the clip has, in order.

    Raises:
      InputError: a mask makes no sense, or is in a frame that the clip lacks.
    """
    places = {index: place for place, index in enumerate(indices)}
    frames: dict[int, list[tuple[dict | list, str | None]]] = {}
    for track in tracks:
        level = _level(track.element)
        for entry in track.entries:
            if entry.visible and entry.shape.tag in USABLE:
                where = f"{track.where}, frame {entry.shape.get('frame')}"
                if entry.frame not in places:
                    raise InputError(
                        f"{where}: there is no image of it; expected images of all frames that "
                        "the task shows"
                    )
                mask = segmentation(entry.shape, clip.height, clip.width, where)
                part = mask, _level(entry.shape) or level
                frames.setdefault(places[entry.frame], []).append(part)
    for place, parts in sorted(frames.items()):
        mask = joined_segmentations([mask for mask, _ in parts], clip.height, clip.width)
        level = next((level for _, level in parts if level), None)
        clip.add(tracks[0].where, category_id, place, mask, occlusion=level)


def _level(element: Element) -> str | None:
    """The occlusion level of a track, or of a shape."""
    for attribute in element.iterfind("attribute"):
        text = (attribute.text or "").strip()
        if attribute.get("name") == OCCLUSION_ATTRIBUTE and text in OCCLUSION_LEVELS:
            return text
    return None
