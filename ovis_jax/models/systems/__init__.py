"""One file per named system."""
