"""What the builders of all data sets share."""

from __future__ import annotations

import abc
import dataclasses
import itertools
import pathlib
from collections.abc import Callable, Iterable, Iterator, Mapping

import tensorflow_datasets as tfds
from absl import logging
from etils import epath

from ovis_jax.data.tfds.examples import AnnotatedVideo, category_feature, examples, features
from ovis_jax.data.tfds.manual_download import FrameFiles, SplitLayout
from ovis_jax.data.tfds.records_config import FRAMES, PREPARED, PREPARED_PNG, VIDEOS
from ovis_jax.data.videos.index import annotated_videos
from ovis_jax.data.videos.record_index import RecordIndex, index_path, write_index
from ovis_jax.formats.annotation_options import with_chosen_boxes, with_chosen_crowds
from ovis_jax.formats.annotations import Annotations, load_annotations
from ovis_jax.formats.errors import InputError


@dataclasses.dataclass(frozen=True)
class AnnotatedSplit:
    """A split that was found and checked.

    Attributes:
      annotations: of its videos.
      files: their frames.
    """

    annotations: Annotations
    files: FrameFiles


class VideoBuilder(tfds.core.GeneratorBasedBuilder, skip_registration=True):
    """Builds annotated videos, serially or (if given Beam options or a runner) through Beam.

    Examples keep the order of the annotation file; an index beside them (`record_index`) makes a
    built data set of frames readable at random.

    Attributes:
      TITLE: of the data set.
      SUMMARY: what it is.
      HOMEPAGE: its web page.
      CITATION: BibTeX.
    """

    VERSION = tfds.core.Version("1.0.0")
    RELEASE_NOTES = {"1.0.0": "First release."}
    BUILDER_CONFIGS = [FRAMES, VIDEOS, PREPARED, PREPARED_PNG]
    TITLE = SUMMARY = HOMEPAGE = CITATION = ""
    code_path = epath.Path(__file__)  # tfds would find it with a package that it does not declare
    _through_beam = False

    def _info(self) -> tfds.core.DatasetInfo:
        return tfds.core.DatasetInfo(
            builder=self,
            description=f"{self.TITLE}. {self.SUMMARY}",
            features=features(self.builder_config),
            homepage=self.HOMEPAGE,
            citation=self.CITATION,
            disable_shuffling=True,  # records are found by number
        )

    @abc.abstractmethod
    def _annotated_splits(self, dl_manager) -> Mapping[str, AnnotatedSplit]:
        """The splits by name.

        Raises:
          InputError: a file is missing or cannot be used.
        """

    def _download_and_prepare(self, dl_manager, download_config) -> None:
        beam = (download_config.beam_options, download_config.beam_runner)
        self._through_beam = any(option is not None for option in beam)
        super()._download_and_prepare(dl_manager, download_config)

    def _split_generators(self, dl_manager):
        found = self._annotated_splits(dl_manager)
        splits = {name: self._as_chosen(split) for name, split in found.items()}
        names = {tuple(c.name for c in s.annotations.categories) for s in splits.values()}
        if len(names) != 1:
            raise InputError(f"{self.name}: the splits {', '.join(splits)} differ in categories")
        category_feature(self.info.features).names = next(iter(names))
        for name, split in splits.items():
            self._write_index(name, split.annotations)
        return {name: self._generate_examples(split) for name, split in splits.items()}

    def _as_chosen(self, split: AnnotatedSplit) -> AnnotatedSplit:
        """The split with crowds and boxes as the configuration says.

        Raises:
          InputError: boxes contradict masks.
        """
        options = self.builder_config.annotation_options
        annotations = with_chosen_crowds(split.annotations, options, logging.warning)
        annotations = with_chosen_boxes(annotations, options, logging.warning)
        return dataclasses.replace(split, annotations=annotations)

    def _write_index(self, split: str, annotations: Annotations) -> None:
        if self.builder_config.example == "video":
            return
        prepared = self.builder_config.example == "prepared_frame"
        index = RecordIndex(
            categories=annotations.categories,
            videos=annotated_videos(annotations),
            has_ground_truth=annotations.has_ground_truth,
            prepared=self.builder_config.image_scale if prepared else None,
            num_crowds=sum(instance.iscrowd for instance in annotations.instances),
            crowds_are_objects=self.builder_config.crowds_are_objects,
            boxes=self.builder_config.boxes,
        )
        write_index(index_path(self.data_path, split), index)

    def _generate_examples(self, split: AnnotatedSplit):
        labels = {category.id: k for k, category in enumerate(split.annotations.categories)}
        rest = (split.files, labels, self.builder_config)
        videos = _annotated_videos(split.annotations)
        if not self._through_beam:
            return itertools.chain.from_iterable(examples(video, *rest) for video in videos)
        beam = tfds.core.lazy_imports.apache_beam
        return beam.Create(list(videos)) | beam.Reshuffle() | beam.FlatMap(examples, *rest)


def layout_splits(
    folder: pathlib.Path,
    layouts: Mapping[str, SplitLayout],
    optional: Iterable[str] = (),
    load: Callable[[pathlib.Path], Annotations] = load_annotations,
) -> dict[str, AnnotatedSplit]:
    """Finds and checks the splits of a download folder.

    Args:
      folder: with the official layout.
      layouts: of each split.
      optional: splits that may be absent as a whole.
      load: reads an annotation file.

    Raises:
      InputError: a file is missing or cannot be used; says which is expected where.
    """
    found = {}
    for name, layout in layouts.items():
        if name in optional and layout.is_absent(folder):
            continue
        with layout.annotation_file(folder) as path:
            annotations = load(path)
            annotations.check_file_names()
        names = [name for video in annotations.videos for name in video.file_names]
        found[name] = AnnotatedSplit(annotations, layout.find_frames(folder, names))
    return found


def _annotated_videos(annotations: Annotations) -> Iterator[AnnotatedVideo]:
    first_frame = 0
    for number, video in enumerate(annotations.videos):
        instances = annotations.instances_of(video.id)
        yield AnnotatedVideo(number, first_frame, video, instances)
        first_frame += video.length
