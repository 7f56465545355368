"""Prediction: frames to tracks.

`Predictor` tracks frames as they come, `predict` the videos of an annotation file.
"""

from ovis_jax.predict.frame_result import FrameResult
from ovis_jax.predict.predictor import Predictor, TrackedFrames
from ovis_jax.predict.trained import TrainedModel, load_model, load_trained
from ovis_jax.predict.videos import (
    Prediction,
    make_stream,
    predict,
    report,
    track_videos,
)

__all__ = [
    "FrameResult",
    "Prediction",
    "Predictor",
    "TrackedFrames",
    "TrainedModel",
    "load_model",
    "load_trained",
    "make_stream",
    "predict",
    "report",
    "track_videos",
]
