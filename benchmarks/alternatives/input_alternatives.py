"""What a user would write with common libraries instead, for `benchmarks.input_pipeline`."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Iterator, Sequence

import cv2
import numpy as np
from pycocotools import mask as coco

BATCH = 4
MEAN = np.array((123.675, 116.28, 103.53), np.float32)
STD = np.array((58.395, 57.12, 57.375), np.float32)
SIZE, CANVAS = (640, 360), (640, 384)  # width, height


@dataclasses.dataclass(frozen=True)
class Pair:
    """What to load.

    Attributes:
      query: file of the query frame; likewise `reference`.
      reference: see `query`.
      masks: compressed masks of the query frame.
      reference_masks: likewise of the reference frame.
      flip: mirror both frames.
    """

    query: str
    reference: str
    masks: Sequence[dict]
    reference_masks: Sequence[dict]
    flip: bool


def opencv_batches(pairs: Sequence[Pair]) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """Endless batches of query images, reference images and masks."""
    source = itertools.cycle(pairs)
    while True:
        rows = [_load(next(source)) for _ in range(BATCH)]
        yield tuple(np.stack(part) for part in zip(*rows, strict=True))


def opencv_batches_with_all_masks(
    pairs: Sequence[Pair],
) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """As `opencv_batches`; loads both frames alike, though no loss uses the reference's masks."""
    source = itertools.cycle(pairs)
    while True:
        chosen = [next(source) for _ in range(BATCH)]
        rows = [_load(pair) for pair in chosen]
        np.stack([_masks(pair.reference_masks, pair.flip) for pair in chosen])
        yield tuple(np.stack(part) for part in zip(*rows, strict=True))


def torch_batches(pairs: Sequence[Pair]) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """As `opencv_batches`, made by the one worker of a DataLoader."""
    import torch  # which takes seconds, and is not needed by the others

    class Pairs(torch.utils.data.Dataset):
        def __len__(self) -> int:
            return len(pairs)

        def __getitem__(self, index: int) -> tuple:
            query, reference, masks = _load(pairs[index])
            images = (torch.from_numpy(image).permute(2, 0, 1) for image in (query, reference))
            return (*images, torch.from_numpy(masks))

    torch.set_num_threads(1)
    loader = torch.utils.data.DataLoader(
        Pairs(), batch_size=BATCH, num_workers=1, drop_last=True, persistent_workers=True
    )
    while True:
        for query, reference, masks in loader:
            yield (*(x.permute(0, 2, 3, 1).numpy() for x in (query, reference)), masks.numpy())


def _load(pair: Pair) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    images = [_image(path, pair.flip) for path in (pair.query, pair.reference)]
    return (*images, _masks(pair.masks, pair.flip))


def _masks(rles: Sequence[dict], flip: bool) -> np.ndarray:
    masks = np.zeros((len(rles), CANVAS[1], CANVAS[0]), np.uint8)
    for slot, rle in enumerate(rles):
        mask = cv2.resize(coco.decode(rle), SIZE, interpolation=cv2.INTER_NEAREST)
        masks[slot, : SIZE[1], : SIZE[0]] = cv2.flip(mask, 1) if flip else mask
    return masks


def _image(path: str, flip: bool) -> np.ndarray:
    image = cv2.resize(cv2.cvtColor(cv2.imread(path), cv2.COLOR_BGR2RGB), SIZE)
    if flip:
        image = cv2.flip(image, 1)
    canvas = np.zeros((CANVAS[1], CANVAS[0], 3), np.float32)
    canvas[: SIZE[1], : SIZE[0]] = (image.astype(np.float32) - MEAN) / STD
    return canvas
