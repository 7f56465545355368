"""What should QueryVIS compare to link objects: RoIs, queries, or both?"""

from experiments.harness.differences import differences
from experiments.harness.experiment import Experiment
from experiments.harness.main import main
from experiments.harness.means import bars_of_means, table_of_means
from experiments.harness.measures import AP_BY_OCCLUSION, linked
from experiments.rows import MASKTRACK, QUERYVIS, changed

EXPERIMENT = Experiment(
    name="queryvis",
    title="QueryVIS: what embeddings are made of",
    question="What should QueryVIS compare to link objects: RoIs, queries, or both?",
    expected="Nobody has published the tracking of QueryVIS. Its authors say of a later tracker "
    "that embeddings are made of RoIs that queries filter.",
    runs=(
        QUERYVIS,
        changed(QUERYVIS, "QueryVIS, queries", {"model.track.kind": "query"}),
        changed(QUERYVIS, "QueryVIS, filtered RoIs", {"model.track.kind": "dynamic"}),
        MASKTRACK,
    ),
    measures=(*AP_BY_OCCLUSION, linked("AP"), linked("AP_HO")),
    parts=(table_of_means, bars_of_means, differences),
)

if __name__ == "__main__":
    main(EXPERIMENT)
