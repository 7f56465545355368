"""Thin command lines, one per verb."""
