"""Short programs in the compilers' text, made up for the tests."""

import pathlib

TPU, GPU = (pathlib.Path(__file__).with_name(f"{name}.txt").read_text() for name in ("tpu", "gpu"))
