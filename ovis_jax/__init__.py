"""Occluded video instance segmentation in JAX."""


def __getattr__(name: str) -> str:
    """`__version__`: of the installed package, "0+unknown" where a checkout is not installed."""
    if name != "__version__":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version("ovis-jax")
    except PackageNotFoundError:
        return "0+unknown"
