"""The stages of inference of each system, one system per file, for `benchmarks.inference`."""
