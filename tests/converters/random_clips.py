"""Small random annotations with disjoint masks, and what is the same after a round trip."""

import numpy as np

from ovis_jax.formats import rle
from ovis_jax.formats.annotation_records import OCCLUSION_LEVELS
from ovis_jax.formats.annotations import Annotations
from ovis_jax.formats.documents import from_document

CATEGORIES = [{"id": 3, "name": "a dog"}, {"id": 8, "name": 'Üe <&> "b"'}]


_FOLDERS = ("{v}/", "{v}/", "left/", "Left/", "deep/{v}/", "", "../", "/abs/", "b:{v}/", "..")
_STEMS = (
    "{t}",
    "{t:02d}",
    "f{r}",
    "{h}",
    "A",
    "a",
    "frame{t}.5",
    "{r}\u00e4",
    "x:{t}",
    ".{t}",
    "nul",
)
_SUFFIXES = (".jpg", ".jpg", ".PNG", "", ".tar.gz")


def random_names(rng: np.random.Generator, video_id: int, length: int) -> list[str]:
    """Names of frames: orderly ones, and all that annotation files may hold."""
    folders = rng.choice(_FOLDERS, rng.integers(1, 3))
    stems = rng.choice(_STEMS, 1 if rng.random() < 0.7 else 3)
    suffixes = rng.choice(_SUFFIXES, rng.integers(1, 3))
    first, step = rng.integers(0, 3), rng.choice([1, 1, 7, -1])
    return [
        (rng.choice(folders) + rng.choice(stems) + rng.choice(suffixes)).format(
            v=video_id, t=int(first + step * t) % 100, r=rng.integers(0, 20), h=rng.bytes(2).hex()
        )
        for t in range(length)
    ]


def random_annotations(seed: int, names=None, most_frames: int = 4) -> Annotations:
    """One to three videos of up to four frames and objects; an object has a mask in some frame.

    `names` makes the names of the frames, as `random_names`.
    """
    rng = np.random.default_rng(seed)
    videos, records = [], []
    for video_id in rng.permutation(9)[: rng.integers(1, 4)] + 1:
        width, height, length = (
            rng.integers(1, 16),
            rng.integers(1, 14),
            rng.integers(1, most_frames + 1),
        )
        file_names = [f"clip {video_id}/{frame:03d}.jpg" for frame in range(length)]
        if names is not None:
            file_names = names(rng, int(video_id), int(length))
        size = dict(width=int(width), height=int(height), length=int(length))
        videos.append(dict(id=int(video_id), file_names=file_names, **size))
        owners = rng.integers(-1, rng.integers(1, 5), (length, height, width))
        if rng.random() < 0.5:  # larger parts
            owners = np.repeat(np.repeat(owners, 3, axis=1), 3, axis=2)[:, :height, :width]
        for number in range(4):
            masks = [owners[t] == number if rng.random() < 0.8 else None for t in range(length)]
            masks = [m if m is not None and m.any() else None for m in masks]
            if any(mask is not None for mask in masks):
                levels = rng.choice(OCCLUSION_LEVELS, length).tolist()
                records.append(
                    dict(
                        id=len(records) + 1,
                        video_id=int(video_id),
                        category_id=int(rng.choice([3, 8])),
                        iscrowd=0,
                        segmentations=[None if m is None else rle.encode(m) for m in masks],
                        occlusion=[m if m is None else levels[t] for t, m in enumerate(masks)],
                    )
                )
    return from_document(dict(videos=videos, categories=CATEGORIES, annotations=records), "random")


def tracks(
    annotations: Annotations, *, names: bool = True, categories: bool = True, levels: bool = True
) -> list[tuple]:
    """Every video by name and every track of it, whatever their order and ids."""
    by_id = {category.id: category.name for category in annotations.categories}
    found = []
    for video in annotations.videos:
        whole = video.file_names if names else len(video.file_names)
        objects = [
            (
                by_id[instance.category_id] if categories else "",
                instance.iscrowd,
                tuple(str(instance.rle(frame)) for frame in range(video.length)),
                instance.occlusion if levels else None,
            )
            for instance in annotations.instances_of(video.id)
        ]
        folder = video.file_names[0].split("/")[0]
        found.append((folder, video.width, video.height, whole, sorted(objects, key=str)))
    return sorted(found, key=lambda video: video[0])
