"""A generated data set that is small enough to be made again in a test."""

from ovis_jax.data.shapes.parameters import ShapesParameters

SMALL = ShapesParameters(
    train_videos=2, valid_videos=1, frames=5, width=128, height=96, sizes=(20.0, 40.0)
)


def contents(folder):
    """Bytes of every file below a folder, by relative path."""
    return {p.relative_to(folder): p.read_bytes() for p in folder.rglob("*") if p.is_file()}
