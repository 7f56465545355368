"""Pyramid to predictions; each file holds module, targets, loss, decoding."""
