"""Occluded Shapes: the generated data set, from parameters to files."""
