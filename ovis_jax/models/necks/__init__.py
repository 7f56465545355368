"""C2...C5 to a pyramid P2...P6."""
