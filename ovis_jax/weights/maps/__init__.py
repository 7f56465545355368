"""One table of names per published model."""
