"""Class layers of whole published models, which are of use for the categories they know alone."""

import dataclasses
from collections.abc import Mapping, Sequence

import numpy as np

from ovis_jax.formats.annotation_records import Category
from ovis_jax.formats.categories import CATEGORY_SETS
from ovis_jax.formats.category_names import same_labels
from ovis_jax.weights.rules import NameMap


def with_known_classes(
    name_map: NameMap,
    state: Mapping[str, np.ndarray],
    categories: Sequence[Category],
    class_layers: Sequence[str],
) -> NameMap:
    """The name map of a whole model, without its class layers if they are of other categories.

    A file does not say which categories it was trained on. Its layers are kept if they fit in size
    and the categories are those of a data set that such models are published for.

    Args:
      name_map: of the model.
      state: arrays by PyTorch name.
      categories: of the model to fill.
      class_layers: paths of its layers that depend on them, such as "box/logits".
    """
    paths = tuple(f"params/{layer}/" for layer in class_layers)
    ruled = {n: rule for n, rule in name_map.rules.items() if rule.target.startswith(paths)}
    published = any(same_labels(categories, known) for known in CATEGORY_SETS.values())
    sizes = {len(state[name]) for name in ruled if name in state}
    fits = len(categories) in sizes or len(categories) + 1 in sizes
    if not ruled or (published and fits):
        return name_map
    return dataclasses.replace(
        name_map,
        rules={name: rule for name, rule in name_map.rules.items() if name not in ruled},
        unused=(*name_map.unused, *ruled),
        fresh=(*name_map.fresh, *class_layers),
    )
