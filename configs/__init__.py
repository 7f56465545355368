"""Runnable set-ups, one per file; `parts` holds what they share."""
