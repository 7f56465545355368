"""What the benchmarks compare with: the same work by other libraries."""
