"""config.model of the detector with learned queries to QueryVIS."""

from ml_collections import ConfigDict

from ovis_jax.models.builders.parts import online_parts, rematerialised, sizes, tracker
from ovis_jax.models.heads.query import LearnedQueries, QueryStage, QueryWeights
from ovis_jax.models.heads.query_mask import QueryMaskHead
from ovis_jax.models.heads.query_track import QueryTrackHead
from ovis_jax.models.systems.queryvis import QueryVIS, QueryVISCapacity
from ovis_jax.ops.boxes import EXCLUSIVE


def build(config: ConfigDict) -> QueryVIS:
    """The system.

    Raises:
      ValueError: the data have boxes whose second corner is the last pixel, or there is no stage.
    """
    model = config.model
    if config.data.inclusive_boxes:
        raise ValueError("config.data.inclusive_boxes: True, expected False for queryvis")
    if model.num_stages < 1:
        raise ValueError(f"config.model.num_stages: {model.num_stages}, expected at least 1")
    shared = {"dtype": model.dtype}
    stage, mask = rematerialised(QueryStage, model), rematerialised(QueryMaskHead, model)
    numbers = range(model.num_stages)
    return QueryVIS(
        **online_parts(config),
        tracker=tracker(model, EXCLUSIVE),
        queries=LearnedQueries(**model.queries),
        stages=tuple(stage(model.num_classes, **model.stage, **shared) for _ in numbers),
        masks=tuple(mask(model.num_classes, **model.mask, **shared) for _ in numbers),
        track=QueryTrackHead(**model.track, **shared),
        capacity=sizes(QueryVISCapacity, config.capacity),
        weights=QueryWeights(**model.weights),
        **model.predictions,
    )
