"""Frames and annotations to batches of frame pairs. TensorFlow lives here only."""
