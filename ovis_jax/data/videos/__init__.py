"""Annotated videos → training samples, from raw folders or records."""
