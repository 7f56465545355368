"""The cells that the bins of RoIs read."""

import flax
import jax


@flax.struct.dataclass
class Taps:
    """Cells and weights along each axis; a bin reads J rows and J columns of its RoI's level.

    Attributes:
      levels: [R] int32.
      rows: [R, S, J] int32.
      columns: [R, S, J] int32.
      row_weights: [R, S, J], zero for what is not read.
      column_weights: [R, S, J].
    """

    levels: jax.Array
    rows: jax.Array
    columns: jax.Array
    row_weights: jax.Array
    column_weights: jax.Array
