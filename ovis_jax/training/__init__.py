"""Losses to new state."""
