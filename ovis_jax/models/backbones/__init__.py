"""Frames to C2...C5."""
