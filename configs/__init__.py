"""Runnable set-ups, one per file; `common` holds the shared defaults."""
