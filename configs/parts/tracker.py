"""How detections become tracks: goes to `config.model.linker` and `config.model.tracker`."""

from ml_collections import ConfigDict


def cues() -> ConfigDict:
    """MaskTrack R-CNN's four cues, as published: appearance, score, overlap and label."""
    return ConfigDict(dict(score_weight=1.0, iou_weight=2.0, label_weight=10.0))


def long_cues() -> ConfigDict:
    """The same cues with a longer memory, which goes beyond the paper; without any as published."""
    return ConfigDict(
        dict(
            **cues(),
            length=1,  # embeddings that are remembered of an object
            mask_weight=0.0,  # of the overlap of masks; 0: masks are not remembered
            mask_side=28,  # cells of the grids that masks are
            sure_score=0.0,  # of detections that are linked in the first of two rounds
            classes="majority",  # of a track; or "mean", "every": by probabilities of all classes
        )
    )


def iou() -> ConfigDict:
    """IoUTracker+: boxes, scores and labels alone, no appearance. Both readings."""
    return ConfigDict(
        dict(
            reading="iou_plus",  # or "iou": the published tracker, which needs terminate=True
            min_iou=0.3,  # that links
            min_score=0.0,  # of detections that are looked at
            terminate=False,  # tracks end, after max_missed frames without a detection
            max_missed=0,  # 0: with the first such frame
            losers_start=False,  # detections whose track a better one took start a track
            min_best_score=0.0,  # of tracks that are reported
            min_length=1,  # detections of a track that is reported
        )
    )


def similarity() -> ConfigDict:
    """CrossVIS's similarity, as published: cosine of embeddings plus overlap, of equal labels."""
    return ConfigDict(dict(min_similarity=0.4))  # that links


def bisoftmax() -> ConfigDict:
    """IDOL's comparison of embeddings both ways, with its settings for OVIS."""
    return ConfigDict(
        dict(
            min_similarity=0.5,  # that links
            new_score=0.3,  # of detections that start a track
            first_score=0.2,  # likewise, while the memory is empty
            length=3,  # embeddings that a track remembers
            max_age=10,  # frames since a track was last seen, from which on it is forgotten
            # Tracks that are taken back: seen in fewer frames, and not in the last ones.
            short_tracks=dict(min_frames=3, absent=2, first_frame=9),
        )
    )


def track_by_overlap(config: ConfigDict) -> ConfigDict:
    """A configuration whose detections IoUTracker+ links; parameters stay those of its model."""
    config.model.linker = "iou"
    config.model.tracker = iou()
    return config


def track_by_embeddings(config: ConfigDict) -> ConfigDict:
    """A configuration whose detections IDOL's matcher links; parameters stay those of its model."""
    config.model.linker = "bisoftmax"
    config.model.tracker = bisoftmax()
    return config


def track_by_long_cues(config: ConfigDict) -> ConfigDict:
    """A configuration whose detections the cues with a longer memory link; parameters stay."""
    config.model.linker = "long_cues"
    config.model.tracker = long_cues()
    return config


def track_by_cues(config: ConfigDict) -> ConfigDict:
    """A configuration whose detections MaskTrack R-CNN's cues link; parameters stay likewise."""
    config.model.linker = "cues"
    config.model.tracker = cues()
    return config
