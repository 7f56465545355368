"""Frames to frame outputs to result records."""
