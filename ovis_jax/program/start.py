"""What every program that computes with JAX does first."""

from ovis_jax.program.compilation import keep_compiled_programs, multiply_with
from ovis_jax.program.host_memory import keep_freed_memory


def start(precision: str) -> None:
    """Keeps compiled programs and freed memory, and sets the precision of float32 products.

    Args:
      precision: see `multiply_with`; usually `config.matmul_precision`.

    Raises:
      InputError: there is no such precision.
    """
    keep_compiled_programs()
    keep_freed_memory()
    multiply_with(precision)
