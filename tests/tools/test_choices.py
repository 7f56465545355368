"""Choices that are listed apart from what they choose, so that `--help` need not import it."""

from ovis_jax.data import tfds as builders
from ovis_jax.tools import choices, convert_annotations
from ovis_jax.weights.name_maps import NAME_MAPS


def test_the_models_are_those_that_can_be_imported():
    assert choices.MODELS == tuple(NAME_MAPS), "copy the keys of NAME_MAPS to choices.MODELS"


def test_the_records_are_those_that_have_a_builder():
    names = {getattr(builders, name).name for name in builders.__all__}
    assert set(choices.RECORDS) == names, "copy the names of the builders to choices.RECORDS"


def test_the_formats_are_those_that_are_read_and_written():
    said = "copy the keys to choices"
    assert choices.READERS == tuple(convert_annotations.READERS), said
    assert choices.WRITERS == tuple(convert_annotations.WRITERS), said
