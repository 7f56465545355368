"""Parameters on disk."""
