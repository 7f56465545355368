"""Turns a published file of weights into a checkpoint to train or predict from.

`--model` says what the file is: a whole model of this package (cmasktrack_rcnn, masktrack_rcnn,
sipmask), a COCO detector (mmdet1_mask_rcnn for mmdetection 0.x and 1.x, mmdet2_mask_rcnn for 2.x
and 3.x, torchvision_mask_rcnn, detectron2_mask_rcnn) or an ImageNet classifier: a ResNet or ResNeXt
(torchvision_resnet, timm_resnet), a Swin-T (torchvision_swin, timm_swin, authors_swin) or a
ConvNeXt-T (torchvision_convnext, timm_convnext). `config.model.backbone.name` says which of them
the model has. What such a file cannot give is newly initialised. With `--categories`, a data set or
an annotation file, the class layers of a COCO detector start a model of those categories, one by
one; a whole model keeps its class layers only if they are of these categories. The checkpoint fits
the model of `--config`; pass its folder as `--config.train.init_checkpoint` or, a whole model, as
`--checkpoint` of predict_video.

Training programs save more than weights: the state dict is found by its name ("state_dict",
"model" and others; `--entry` chooses), and nothing beside it is needed. What data parallel
training, `torch.compile`, averaged models or Lightning put before all names is removed and said;
`--prefix` reads the names of one part of a larger program alone.
"""

import argparse
import dataclasses
import pathlib
import sys
from collections.abc import Sequence

import jax
from ml_collections import ConfigDict

from ovis_jax.checkpoints.store import save_variables
from ovis_jax.classes import AS_ANNOTATED, ModelClasses, as_records
from ovis_jax.formats.annotation_records import Category
from ovis_jax.formats.annotations import load_header
from ovis_jax.formats.categories import CATEGORY_SETS
from ovis_jax.formats.errors import InputError
from ovis_jax.identities import identities_of, sized_without_annotations
from ovis_jax.models.build import build_model, class_layers, init_variables
from ovis_jax.program import command_line
from ovis_jax.program.configurations import read_configuration
from ovis_jax.tools.options import import_weights as parser
from ovis_jax.weights.class_rows import check_categories, copy_class_rows, new_categories
from ovis_jax.weights.hub_labels import check_hub_labels
from ovis_jax.weights.known_classes import with_known_classes
from ovis_jax.weights.likely_model import check_foreign, check_named
from ovis_jax.weights.name_maps import NAME_MAPS
from ovis_jax.weights.prefixes import remove_prefix
from ovis_jax.weights.readers.files import read_weights
from ovis_jax.weights.readers.wrappers import Unwrapped, unwrap
from ovis_jax.weights.rules import Conversion, convert_state


@dataclasses.dataclass(frozen=True)
class Source:
    """A published file, and which of its tensors are the weights.

    Attributes:
      path: of the file, the index of several, or a folder with it.
      entry: that holds the state dict; empty: found by its name.
      prefix: of the names to read; empty: what all names have before those of the model.
    """

    path: pathlib.Path | str
    entry: str = ""
    prefix: str = ""


def import_weights(
    source: pathlib.Path | str | Source,
    model: str,
    config: ConfigDict,
    output: pathlib.Path | str,
    categories: str | None = None,
) -> Conversion:
    """Writes the checkpoint; nothing is written unless everything fits.

    Args:
      source: published file; a `Source` to choose among its tensors.
      model: what it is, a key of `NAME_MAPS`.
      config: whole configuration of the model that is filled.
      output: new folder.
      categories: the model's classes, a key of `CATEGORY_SETS` or the path of an annotation file.
        They begin with the rows of shared categories of a COCO detector; those of a whole model
        that was trained on other categories are newly initialised. None: class layers of a detector
        are newly initialised, and the checkpoint does not name its classes.

    Raises:
      InputError: the file cannot be read or does not fit the model, or the folder cannot be used.
    """
    if pathlib.Path(output).exists() and not pathlib.Path(output).is_dir():
        raise InputError(f"{output}: expected a new folder, is a file")
    chosen = chosen_categories(categories) if categories else None
    if chosen:
        config = ModelClasses(chosen, "--categories").sized(config)
        check_categories(chosen, config.model.num_classes)
    elif config.model.num_classes == AS_ANNOTATED:
        raise InputError(
            f"--categories: missing; config.model.num_classes is {AS_ANNOTATED}, for as many "
            "classes as there are categories"
        )
    config = sized_without_annotations(config)
    system, shapes = build_model(config)
    name_map = NAME_MAPS[model].name_map(config.model)
    source = source if isinstance(source, Source) else Source(source)
    weights = _read(source, model, config.model)
    state, path = weights.arrays, str(source.path)
    labels = check_hub_labels(source.path, chosen) if chosen and name_map.classes is None else ""
    if chosen and name_map.classes is None:
        name_map = with_known_classes(name_map, state, chosen, class_layers(config))
    conversion = convert_state(state, name_map, shapes, path)
    notes = (*weights.notes, labels) if labels else weights.notes
    conversion = dataclasses.replace(conversion, notes=notes)
    initial = shapes
    if conversion.fresh:
        initial = jax.device_get(init_variables(system, jax.random.key(config.seed)))
    if chosen and name_map.classes is not None:
        conversion = copy_class_rows(conversion, state, name_map.classes, chosen, initial, path)
    meta = {"source": path, "model": model, "seed": config.seed} | identities_of(config)
    meta |= {"categories": as_records(chosen)} if chosen else {}
    try:
        save_variables(output, conversion.complete(initial), meta)
    except OSError as error:
        raise InputError(f"{output}: cannot be written: {error.strerror}") from error
    return conversion


def summary(conversion: Conversion) -> str:
    """How many tensors were used and left out, and what is newly initialised.

    Before these three lines, one for each thing that was chosen or removed to find the weights.
    """
    return "\n".join(
        (
            *conversion.notes,
            f"used: {len(conversion.values)} tensors",
            f"unused: {_groups(conversion.unused, 'tensors')}",
            f"newly initialised: {_groups(conversion.fresh, 'variables')}",
        )
    )


def chosen_categories(name: str) -> tuple[Category, ...]:
    """The categories of a data set, or of an annotation file.

    Args:
      name: a key of `CATEGORY_SETS`, or a path.

    Raises:
      InputError: it is neither.
    """
    if name in CATEGORY_SETS:
        return CATEGORY_SETS[name]
    if not pathlib.Path(name).is_file():
        expected = ", ".join(CATEGORY_SETS)
        raise InputError(f"--categories: {name}: expected an annotation file or one of {expected}")
    return load_header(name).categories


def category_summary(categories: str) -> str:
    """One line: how many classes begin with COCO's, and which do not."""
    everything = chosen_categories(categories)
    new = new_categories(everything)
    begun = f"classes: {len(everything) - len(new)} of {len(everything)} begin with those of COCO"
    return f"{begun}; newly initialised: {', '.join(new)}" if new else begun


def main(arguments: Sequence[str] | None = None) -> int:
    """Imports what the options say, returns the exit code."""
    options, settings = parser().parse_with_settings(arguments)
    config = options.config or NAME_MAPS[options.model].CONFIG
    return command_line.run(lambda: run(options, read_configuration(config, settings)))


def run(options: argparse.Namespace, config: ConfigDict) -> None:
    """Does what the options say, and prints what was used.

    Raises:
      InputError: see `import_weights`.
    """
    source = Source(options.source, options.entry, options.prefix)
    conversion = import_weights(source, options.model, config, options.output, options.categories)
    print(summary(conversion))
    if options.categories and is_of_coco(options.model):
        print(category_summary(options.categories))


def is_of_coco(model: str) -> bool:
    """Whether a key of `NAME_MAPS` is a detector of COCO's categories."""
    published = NAME_MAPS[model]
    size = next(iter(published.VARIANTS.values()))
    return published.name_map(size).classes is not None


def _read(source: Source, model: str, settings: ConfigDict) -> Unwrapped:
    """The tensors under the names of the published model, and what was done to find them."""
    read, path = read_weights(source.path, source.entry), str(source.path)
    if not source.prefix:
        check_named(read.arrays, model, settings, path)
    name_map = NAME_MAPS[model].name_map(settings)
    inside = remove_prefix(read.arrays, name_map, path, source.prefix)
    # A prefix may stand before what wrappers put into names.
    bare = unwrap(inside.arrays)
    check_named(bare.arrays, model, settings, path)
    check_foreign(bare.arrays, model, settings, path)
    return Unwrapped(bare.arrays, (*read.notes, *inside.notes, *bare.notes))


def _groups(groups: dict[str, list[str]], what: str) -> str:
    """How many there are, in all and by group."""
    total = f"{sum(map(len, groups.values()))} {what}"
    parts = ", ".join(f"{len(names)} {group}" for group, names in groups.items())
    return f"{total} ({parts})" if parts else total


if __name__ == "__main__":
    sys.exit(main())
