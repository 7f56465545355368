"""Occluded Shapes, which is generated: see `ovis_jax.data.shapes.generate`."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import pathlib
from collections.abc import Mapping

from ovis_jax.data.shapes.generate import generate
from ovis_jax.data.shapes.parameters import ShapesParameters
from ovis_jax.data.tfds.manual_download import SplitLayout
from ovis_jax.data.tfds.records_config import RecordsConfig
from ovis_jax.data.tfds.video_builder import AnnotatedSplit, VideoBuilder, layout_splits
from ovis_jax.formats.errors import InputError


@dataclasses.dataclass(eq=False)
class ShapesConfig(RecordsConfig):
    """How Occluded Shapes is generated and built.

    Attributes:
      parameters: fields of `ShapesParameters` that are not to have their defaults.
    """

    image_scale: tuple[int, int] = (320, 192)
    parameters: Mapping[str, object] = dataclasses.field(default_factory=dict)

    def shapes_parameters(self) -> ShapesParameters:
        """What to generate.

        Raises:
          InputError: there is no such parameter.
        """
        known = {field.name for field in dataclasses.fields(ShapesParameters)}
        for name in self.parameters:
            if name not in known:
                raise InputError(f"parameters: {name}: expected one of {', '.join(sorted(known))}")
        values = {k: tuple(v) if isinstance(v, list) else v for k, v in self.parameters.items()}
        return ShapesParameters(**values)


class OccludedShapes(VideoBuilder):
    """Builder of Occluded Shapes; what is generated is kept in the download folder."""

    name = "occluded_shapes"
    BUILDER_CONFIGS = [
        ShapesConfig(name="frames", description="One example per frame, for training."),
        ShapesConfig(name="videos", description="One example per video.", example="video"),
        ShapesConfig(
            name="prepared",
            description="One example per frame, resized into 320x192.",
            example="prepared_frame",
        ),
    ]
    TITLE = "Occluded Shapes"
    SUMMARY = "Generated videos of textured objects that hide one another."
    HOMEPAGE = "https://songbai.site/ovis/"
    CITATION = """
        @misc{occluded_shapes,
          title = {Occluded Shapes, generated videos in the format of OVIS},
          note  = {Part of ovis\\_jax}
        }"""

    def _annotated_splits(self, dl_manager) -> Mapping[str, AnnotatedSplit]:
        parameters = self.builder_config.shapes_parameters()
        content = json.dumps(parameters.as_json(), sort_keys=True)
        name = f"occluded_shapes_{hashlib.sha256(content.encode()).hexdigest()[:16]}"
        folder = pathlib.Path(dl_manager.download_dir) / name
        folder.parent.mkdir(parents=True, exist_ok=True)
        generate(folder, parameters)
        counts = {"train": parameters.train_videos, "valid": parameters.valid_videos}
        layouts = {
            split: SplitLayout((f"annotations_{split}.json",), (split,), ())
            for split, count in counts.items()
            if count
        }
        return layout_splits(folder, layouts)
