"""The compilers of accelerators, run without one: what they make of this package's programs."""
