"""What the benchmarks work on: generated masks, tracks and files."""
