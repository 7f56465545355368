"""Occluded video instance segmentation in JAX."""
