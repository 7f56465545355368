"""Drawn frames → OVIS annotation records of their video."""

from collections.abc import Iterable, Sequence

import numpy as np

from ovis_jax.formats import rle

_UNOCCLUDED = 0.95
"""Visible fraction from which an object counts as not occluded. Below 1, because a few hidden
pixels of an edge that touches another object are not what an annotator calls occlusion."""


def occlusion_label(visible: int, full: int) -> str:
    """Level of an object of which `visible` of `full` in-frame pixels can be seen.

    The thresholds are the OVIS paper's: slight while more than half is visible, then severe.
    What lies outside the frame is not occluded.
    """
    if visible >= _UNOCCLUDED * full:
        return "no_occlusion"
    return "slight_occlusion" if 2 * visible > full else "severe_occlusion"


def mask_box(mask: np.ndarray) -> list[int]:
    """The box (x, y, width, height) round a mask [H, W] that is not empty."""
    rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
    x, y = int(columns[0]), int(rows[0])
    return [x, y, int(columns[-1]) - x + 1, int(rows[-1]) - y + 1]


class TrackRecords:
    """Collects the frames of one video and gives the records of its objects."""

    def __init__(self, category_ids: Sequence[int], min_pixels: int):
        """Starts before the first frame.

        Args:
          category_ids: of each object; N of them.
          min_pixels: an object with fewer visible pixels in a frame counts as not visible.
        """
        self._category_ids = category_ids
        self._min_pixels = min_pixels
        self._frames: list[list[dict | None]] = []
        self._size = (0, 0)

    @property
    def seen(self) -> list[int]:
        """Numbers of the objects that are visible in some frame, in order."""
        tracks = zip(*self._frames, strict=True)
        return [number for number, track in enumerate(tracks) if any(track)]

    def add(self, masks: Iterable[np.ndarray], full_areas: np.ndarray) -> None:
        """Adds the next frame.

        Args:
          masks: [H, W] bool, the visible pixels of each object.
          full_areas: [N] pixels within the frame that each object covers, hidden or not.
        """
        entries = []
        for mask, full in zip(masks, full_areas, strict=True):
            self._size = mask.shape
            entries.append(self._entry(mask, int(full)))
        self._frames.append(entries)

    def records(self, video_id: int) -> list[dict]:
        """Annotations of the objects seen at least once; without `id`, which the data set gives."""
        height, width = self._size
        result = []
        tracks = zip(*self._frames, strict=True)
        for category_id, track in zip(self._category_ids, tracks, strict=True):
            if not any(track):
                continue
            result.append(
                {
                    "video_id": video_id,
                    "category_id": int(category_id),
                    "iscrowd": 0,
                    "width": width,
                    "height": height,
                    "length": len(track),
                    "segmentations": [entry and entry["segmentation"] for entry in track],
                    "bboxes": [entry and entry["bbox"] for entry in track],
                    "areas": [entry and entry["area"] for entry in track],
                    "occlusion": [entry and entry["occlusion"] for entry in track],
                }
            )
        return result

    def _entry(self, mask: np.ndarray, full: int) -> dict | None:
        area = int(np.count_nonzero(mask))
        if area < self._min_pixels:
            return None
        return {
            "segmentation": rle.encode(mask),
            "bbox": mask_box(mask),
            "area": area,
            "occlusion": occlusion_label(area, full),
        }
