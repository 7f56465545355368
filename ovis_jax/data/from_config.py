"""`config.data` → the records that the modules of `ovis_jax.data` take; no other one reads it.

Every function raises InputError, which names the field, if a field is missing, unknown or holds a
value that makes no sense.
"""

from __future__ import annotations

import dataclasses

from ml_collections import ConfigDict

from ovis_jax.data.augment.from_config import augmentation
from ovis_jax.data.clip_frames import OTHERS, ClipFrames
from ovis_jax.data.config_section import Section, is_count, is_pair, is_share, numbers_of, switch
from ovis_jax.data.pseudo.motion import Motion
from ovis_jax.data.pseudo.paste import Pasting
from ovis_jax.data.settings import (
    LOADERS,
    PseudoVideo,
    Sampling,
    StillImages,
    TrainingSettings,
    VideoFolder,
    VideoRecords,
)
from ovis_jax.data.transforms import FITS, RESAMPLINGS, Resizing
from ovis_jax.formats.annotation_options import BOXES, CONFIG_FIELDS, AnnotationOptions

FIELDS = (
    *("train_annotations", "train_images", "train_records", "train_split", "halved_decoding"),
    *("eval_annotations", "eval_images", "crowds_are_objects", "boxes"),
    *("image_scale", "pad_multiple", "resize", "mean", "std", "flip_probability"),
    *("clip", "reference_sampling", "reference_window", "image_share", "pseudo_video"),
    *("inclusive_boxes", "loader", "augment"),
)
_RESIZE_FIELDS = ("fit", "resampling", "axis_scales")
_CLIP_FIELDS = ("num_frames", "mask_frames", "others", "stride", "in_order", "allow_same")
_PSEUDO_FIELDS = ("annotations", "images", "categories", "min_pixels", "motion", "pasting")


def training_settings(data: ConfigDict) -> TrainingSettings:
    """Everything about training samples."""
    section = _section(data)
    share = section.take("image_share", "0 to 1", is_share)
    section.take(
        "pad_multiple",
        "a multiple of 8 (masks have eight pixels a byte)",
        lambda multiple: is_count(multiple) and multiple % 8 == 0,
    )
    loaders = ", ".join(repr(name) for name in LOADERS)
    section.take("loader", f"one of {loaders}", LOADERS.__contains__)
    resized = resizing(data)
    return TrainingSettings(
        videos=_videos(section),
        sampling=Sampling(
            frames=clip_frames(data),
            resizing=resized,
            flip_probability=flip_probability(data),
            annotation_options=annotation_options(data),
            inclusive_boxes=switch(section, "inclusive_boxes"),
            augmentation=augmentation(section, resized.fit),
        ),
        image_share=share,
        pseudo_video=pseudo_video(data) if share else None,
    )


def resizing(data: ConfigDict) -> Resizing:
    """How frames are resized and padded, in training and in prediction."""
    section = _section(data)
    scale = section.take(
        "image_scale",
        "two sides in pixels",
        lambda sides: len(sides) == 2 and all(map(is_count, sides)),
    )
    multiple = section.take("pad_multiple", "at least 1", is_count)
    how = section.section("resize", _RESIZE_FIELDS)
    fit = how.take("fit", f"one of {', '.join(map(repr, FITS))}", FITS.__contains__)
    return Resizing(
        image_scale=tuple(scale),
        pad_multiple=multiple,
        fit=fit,
        resampling=how.take("resampling", "'opencv' or 'pillow'", RESAMPLINGS.__contains__),
        axis_scales=how.take(
            "axis_scales",
            "True" if fit == "exact" else "True or False",
            lambda value: isinstance(value, bool) and (value or fit != "exact"),
        ),
    )


def annotation_options(data: ConfigDict) -> AnnotationOptions:
    """What to do with crowds and boxes."""
    section = _section(data)
    return AnnotationOptions(
        switch(section, "crowds_are_objects"),
        section.take("boxes", "'file' or 'masks'", BOXES.__contains__),
        CONFIG_FIELDS,
    )


def flip_probability(data: ConfigDict) -> float:
    """That a clip is mirrored."""
    return _section(data).take("flip_probability", "0 to 1", is_share)


def clip_frames(data: ConfigDict) -> ClipFrames:
    """Which frames a clip has."""
    section = _section(data)
    clip = section.section("clip", _CLIP_FIELDS)
    num_frames = clip.take("num_frames", "at least 1", is_count)
    others = ", ".join(repr(name) for name in OTHERS)
    return ClipFrames(
        num_frames=num_frames,
        mask_frames=clip.take(
            "mask_frames",
            f"1 to num_frames, which is {num_frames}",
            lambda count: is_count(count) and count <= num_frames,
        ),
        others=clip.take("others", f"one of {others}", OTHERS.__contains__),
        stride=clip.take("stride", "more than 0", lambda stride: stride > 0),
        window=_reference_window(section),
        in_order=switch(clip, "in_order"),
        allow_same=switch(clip, "allow_same"),
    )


def pseudo_video(data: ConfigDict) -> PseudoVideo:
    """How still images become video."""
    section = _section(data)
    pseudo = section.section("pseudo_video", _PSEUDO_FIELDS)
    names = pseudo.take("categories", "pairs of names", lambda pairs: all(map(is_pair, pairs)))
    return PseudoVideo(
        stills=StillImages(
            pseudo.get("annotations"), pseudo.get("images"), tuple(map(tuple, names))
        ),
        motion=_motion(pseudo),
        pasting=_pasting(pseudo),
        min_pixels=pseudo.take("min_pixels", "at least 1", lambda count: count >= 1),
        fill=tuple(section.take("mean", "three numbers", lambda mean: len(numbers_of(mean)) == 3)),
    )


def _section(data: ConfigDict) -> Section:
    return Section(data, "config.data", FIELDS)


def _videos(section: Section) -> VideoFolder | VideoRecords:
    records = section.get("train_records")
    if records:
        return VideoRecords(records, section.get("train_split"))
    return VideoFolder(
        section.get("train_annotations"),
        section.get("train_images"),
        switch(section, "halved_decoding"),
    )


def _reference_window(section: Section) -> int | None:
    sampling = section.take(
        "reference_sampling", "'window' or 'video'", ("window", "video").__contains__
    )
    if sampling == "video":
        return None
    return section.take("reference_window", "at least 0", lambda window: window >= 0)


def _motion(pseudo: Section) -> Motion:
    names = tuple(field.name for field in dataclasses.fields(Motion))
    section = pseudo.section("motion", names)
    ranges = {name: section.take(name, "values from 0 on", lambda n: n >= 0) for name in names}
    section.take("perspective", "less than 0.25", lambda share: share < 0.25)
    return Motion(**ranges)


def _pasting(pseudo: Section) -> Pasting:
    section = pseudo.section("pasting", tuple(field.name for field in dataclasses.fields(Pasting)))
    size = section.take(
        "size", "two factors, the smaller one first", lambda size: 0 < size[0] <= size[1]
    )
    return Pasting(
        probability=section.take("probability", "0 to 1", is_share),
        max_objects=section.take("max_objects", "at least 1", is_count),
        size=tuple(size),
        travel=section.take("travel", "a number", lambda travel: len(numbers_of([travel])) == 1),
    )
