"""One file per system: its part of a configuration to the finished system."""
