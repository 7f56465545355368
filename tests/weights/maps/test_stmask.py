"""The tables of what training of STMask begins with, against names and shapes of their files."""

import functools

import numpy as np
import pytest
from weights.maps import published_names as published

from configs import stmask_r50_ovis
from ovis_jax.formats.errors import InputError
from ovis_jax.models.build import build_model
from ovis_jax.weights.name_maps import NAME_MAPS
from ovis_jax.weights.rules import convert_state

ALIGNMENTS = ("none", "ada", "ali")
COUNTERS = 53  # of the batch norms of a ResNet-50
CLASSES = {f"anchors/logits_{i}": 2 for i in range(3)}
TRACKS = {f"anchors/track_tower_{i}": 2 for i in range(2)}
TRACKS |= {f"anchors/embedding_{i}": 2 for i in range(3)} | {"shift": 10}
HEAD = {f"anchors/{tower}_tower_{i}": 2 for tower in ("class", "box", "mask") for i in range(2)}
HEAD |= {f"anchors/{x}_{i}": 2 for x in ("deltas", "coefficients", "centerness") for i in range(3)}


@functools.cache
def config(alignment="none"):
    found = stmask_r50_ovis.get_config().unlock()
    found.model.anchors.class_alignment = alignment
    return found


def converted(model, tensors, alignment="none"):
    tensors = {name: np.broadcast_to(np.float32(0), shape) for name, shape in tensors.items()}
    name_map = NAME_MAPS[model].name_map(config(alignment).model)
    return convert_state(tensors, name_map, build_model(config(alignment))[1], "file")


def count(parts):
    return {part: len(paths) for part, paths in parts.items()}


@pytest.mark.parametrize("alignment", ALIGNMENTS)
def test_a_detector_of_coco_lacks_classes_and_what_reads_several_frames(alignment):
    tensors = published.stmask_detector(alignment=alignment)
    got = converted("stmask_detector", tensors, alignment)
    assert count(got.fresh) == CLASSES | TRACKS
    assert sum(map(len, got.unused.values())) == COUNTERS + 6  # the layers of COCO's classes
    assert len(got.values) == len(tensors) - COUNTERS - 6


def test_of_yolact_plus_fits_what_lies_below_the_anchors():
    tensors = published.yolact_plus()
    got = converted("yolact_plus", tensors)
    assert count(got.fresh) == CLASSES | TRACKS | HEAD
    plain_blocks, predictors, training = 2 + 3 + 1, 3, 2
    left_out = 3 * plain_blocks + 2 * (predictors + training)
    assert sum(map(len, got.unused.values())) == COUNTERS + left_out
    assert len(got.values) == len(tensors) - COUNTERS - left_out
    shapes = {f"params/{part}" for part in ("backbone", "neck", "prototypes", "anchors")}
    assert {"/".join(path.split("/")[:2]) for path in got.values} >= shapes


def test_a_backbone_that_stands_in_the_file_twice_is_read_once():
    tensors = published.yolact_plus()
    copies = {
        name.replace(f"layers.{i}.", f"layer{i + 1}."): shape
        for name, shape in tensors.items()
        for i in range(4)
        if name.startswith(f"backbone.layers.{i}.")
    }
    assert (
        converted("yolact_plus", tensors | copies).values.keys()
        == converted("yolact_plus", tensors).values.keys()
    )


def test_a_file_is_refused_under_the_name_of_another_of_them():
    files = {
        "stmask": published.stmask(25),
        "stmask_detector": published.stmask_detector(),
        "yolact_plus": published.yolact_plus(),
    }
    for model, tensors in files.items():
        for other in set(files) - {model}:
            with pytest.raises(InputError, match="file: "):
                converted(other, tensors)
