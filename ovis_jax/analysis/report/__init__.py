"""Sections of analyses → one HTML page, Markdown, CSV and JSON. The standard library only."""
