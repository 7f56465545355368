"""Turns a published PyTorch file into a checkpoint to train or predict from.

`--model` says what the file is: a whole model of this package (cmasktrack_rcnn, masktrack_rcnn,
sipmask), a COCO detector (mmdet1_mask_rcnn for mmdetection 0.x and 1.x, mmdet2_mask_rcnn for 2.x
and 3.x, torchvision_mask_rcnn, detectron2_mask_rcnn) or an ImageNet ResNet (torchvision_resnet,
timm_resnet). What such a file cannot give is newly initialised; with `--categories` the class
layers of a COCO detector start a model of that data set, category by category. The checkpoint fits
the model of `--config`; pass its folder as `--config.train.init_checkpoint` or, a whole model, as
`--checkpoint` of predict_video.
"""

import pathlib

import jax
from absl import flags
from ml_collections import ConfigDict, config_flags

from ovis_jax.checkpoints.store import save_variables
from ovis_jax.formats.categories import CATEGORY_SETS
from ovis_jax.formats.errors import InputError
from ovis_jax.models.backbones.resnet import STAGE_BLOCKS
from ovis_jax.models.build import build_model, init_variables
from ovis_jax.program import command_line
from ovis_jax.weights.class_rows import check_categories, copy_class_rows, new_categories
from ovis_jax.weights.name_maps import NAME_MAPS
from ovis_jax.weights.readers.files import read_state_dict
from ovis_jax.weights.rules import Conversion, convert_state

_CONFIGS = pathlib.Path(__file__).parents[2] / "configs"
_DEFAULT_CONFIG = "cmasktrack_rcnn_r50_ovis.py"
_DEFAULT_CONFIGS = {
    "masktrack_rcnn": "masktrack_rcnn_r50_ovis.py",
    "sipmask": "sipmask_r50_ovis.py",
}


def import_weights(
    source: pathlib.Path | str,
    model: str,
    config: ConfigDict,
    output: pathlib.Path | str,
    categories: str | None = None,
) -> Conversion:
    """Writes the checkpoint; nothing is written unless everything fits.

    Args:
      source: published file.
      model: what it is, a key of `NAME_MAPS`.
      config: whole configuration of the model that is filled.
      output: new folder.
      categories: a key of `CATEGORY_SETS`: the model's classes, which begin with the rows of shared
        categories of a COCO detector. None: class layers are newly initialised.

    Raises:
      InputError: the file cannot be read or does not fit the model, or the folder cannot be used.
    """
    if pathlib.Path(output).exists() and not pathlib.Path(output).is_dir():
        raise InputError(f"{output}: expected a new folder, is a file")
    system, shapes = build_model(config)
    name_map = NAME_MAPS[model](_depth(config))
    if categories:
        if name_map.classes is None:
            raise InputError(f"--categories: {model} has no class layers of COCO to start from")
        check_categories(CATEGORY_SETS[categories], config.model.num_classes)
    state = read_state_dict(source)
    conversion = convert_state(state, name_map, shapes, str(source))
    initial = shapes
    if conversion.fresh:
        initial = jax.device_get(init_variables(system, jax.random.key(config.seed)))
    if categories:
        conversion = copy_class_rows(
            conversion, state, name_map.classes, CATEGORY_SETS[categories], initial, str(source)
        )
    meta = {"source": str(source), "model": model, "seed": config.seed}
    meta |= {"categories": categories} if categories else {}
    try:
        save_variables(output, conversion.complete(initial), meta)
    except OSError as error:
        raise InputError(f"{output}: cannot be written: {error.strerror}") from error
    return conversion


def summary(conversion: Conversion) -> str:
    """Three lines: how many tensors were used and left out, what is newly initialised."""
    return "\n".join(
        (
            f"used: {len(conversion.values)} tensors",
            f"unused: {_groups(conversion.unused, 'tensors')}",
            f"newly initialised: {_groups(conversion.fresh, 'variables')}",
        )
    )


def category_summary(categories: str) -> str:
    """One line: how many classes begin with COCO's, and which do not."""
    everything = CATEGORY_SETS[categories]
    new = new_categories(everything)
    begun = f"classes: {len(everything) - len(new)} of {len(everything)} begin with those of COCO"
    return f"{begun}; newly initialised: {', '.join(new)}" if new else begun


def default_config(model: str) -> pathlib.Path:
    """Configuration file of the model that a published file is for."""
    return _CONFIGS / _DEFAULT_CONFIGS.get(model, _DEFAULT_CONFIG)


def define_flags() -> None:
    """Defines the flags that `main` reads."""
    config_flags.DEFINE_config_file(
        "config", None, "Configuration of the model to fill; by default the one of the paper."
    )
    flags.DEFINE_string("source", None, "File of torch.save, safetensors, npz, or detectron2 .pkl.")
    flags.DEFINE_enum("model", None, list(NAME_MAPS), "What the file is.")
    flags.DEFINE_enum(
        "categories",
        None,
        list(CATEGORY_SETS),
        "The model's data set; its classes begin with those of a COCO detector that they share.",
    )
    flags.DEFINE_string("output", None, "New folder for the checkpoint.")
    flags.mark_flags_as_required(["source", "model", "output"])


def main() -> None:
    """Imports what the flags say."""
    values = flags.FLAGS
    if values.config is None:
        values["config"].parse(str(default_config(values.model)))
    conversion = import_weights(
        values.source, values.model, values.config, values.output, values.categories
    )
    print(summary(conversion))
    if values.categories:
        print(category_summary(values.categories))


def _depth(config: ConfigDict) -> int:
    depth = config.model.backbone.depth
    if depth not in STAGE_BLOCKS:
        raise InputError(
            f"config.model.backbone.depth: {depth}, expected one of {list(STAGE_BLOCKS)}"
        )
    return depth


def _groups(groups: dict[str, list[str]], what: str) -> str:
    """How many there are, in all and by group."""
    total = f"{sum(map(len, groups.values()))} {what}"
    parts = ", ".join(f"{len(names)} {group}" for group, names in groups.items())
    return f"{total} ({parts})" if parts else total


if __name__ == "__main__":
    define_flags()
    command_line.run(main)
