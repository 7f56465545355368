"""Frames and annotations to batches of frame pairs. TensorFlow lives here only."""

import os

# Else TensorFlow complains about CUDA where there is no GPU. Its errors reach us as exceptions.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
