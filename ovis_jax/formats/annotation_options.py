"""How an annotation file is to be understood where tools write it wrongly: crowds, boxes."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

from ovis_jax.formats.annotations import Annotations
from ovis_jax.formats.box_check import check_boxes, compare_boxes
from ovis_jax.formats.crowds import crowds_as_objects, many_crowds
from ovis_jax.formats.errors import InputError
from ovis_jax.formats.mask_boxes import with_mask_boxes

BOXES = ("file", "masks")

Warn = Callable[[str], object]


@dataclasses.dataclass(frozen=True)
class OptionNames:
    """What a user writes to choose; for messages.

    Attributes:
      crowds: takes crowds as objects.
      boxes: draws boxes around masks.
    """

    crowds: str
    boxes: str


FLAGS = OptionNames("--crowds-are-objects", "--boxes-from-masks")
CONFIG_FIELDS = OptionNames("--config.data.crowds_are_objects=True", "--config.data.boxes=masks")


@dataclasses.dataclass(frozen=True)
class AnnotationOptions:
    """What to do with crowds and boxes.

    Attributes:
      crowds_are_objects: take every crowd as an object like all others.
      boxes: "file"; or "masks": those around the masks, whatever the file says.
      names: of these two options.
    """

    crowds_are_objects: bool = False
    boxes: str = "file"
    names: OptionNames = FLAGS

    def __post_init__(self):
        """Raises InputError for a value that makes no sense."""
        if self.boxes not in BOXES:
            raise InputError(f"boxes: {self.boxes!r}, expected 'file' or 'masks'")


def with_chosen_crowds(
    annotations: Annotations, options: AnnotationOptions, warn: Warn
) -> Annotations:
    """Crowds as chosen; warns if they are all or most objects and stay crowds."""
    if options.crowds_are_objects:
        return crowds_as_objects(annotations)
    note = many_crowds(annotations, options.names.crowds)
    if note:
        warn(note)
    return annotations


def objects_to_train_on(
    annotations: Annotations, options: AnnotationOptions, warn: Warn
) -> Annotations:
    """Crowds as chosen, of which something can be learned.

    Raises:
      InputError: all objects are crowds.
    """
    notes: list[str] = []
    annotations = with_chosen_crowds(annotations, options, notes.append)
    if notes and all(instance.iscrowd for instance in annotations.instances):
        raise InputError(notes[0])
    for note in notes:
        warn(note)
    return annotations


def with_chosen_boxes(
    annotations: Annotations, options: AnnotationOptions, warn: Warn
) -> Annotations:
    """Boxes as chosen, for work that depends on them.

    Raises:
      InputError: boxes of the file contradict masks, and not as exceptions, of which it warns.
    """
    if options.boxes == "masks":
        return with_mask_boxes(annotations)
    check_boxes(annotations, options.names.boxes, warn)
    return annotations


def warn_of_boxes(annotations: Annotations, warn: Warn) -> None:
    """Warns of boxes that contradict masks, before work that does without boxes."""
    lines = compare_boxes(annotations).lines()
    for line in lines + ["the boxes are not used here"] * bool(lines):
        warn(line)
