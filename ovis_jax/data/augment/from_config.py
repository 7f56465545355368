"""`config.data.augment` → Augmentation."""

from __future__ import annotations

from typing import Any

from ovis_jax.data.augment.settings import (
    AFTER,
    BEFORE,
    Augmentation,
    Cropping,
    Jitter,
    Sizes,
    Warping,
)
from ovis_jax.data.config_section import Section, is_count, is_share
from ovis_jax.data.transforms import CENTERED, EXACT

_FIELDS = ("sizes", "size_ranges", "factors", "crop", "warp", "colors")
_CROP_FIELDS = ("probability", "sides", "when", "short_sides")
_WARP_FIELDS = ("scales", "margin")
_COLOR_FIELDS = ("brightness", "contrast", "saturation", "lighting")


def augmentation(data: Section, fit: str) -> Augmentation:
    """What is drawn for a training clip.

    Args:
      data: `config.data`.
      fit: of the frames, one of `FITS`.

    Raises:
      InputError: a field, which it names, is missing, unknown or makes no sense; with this `fit`,
        too.
    """
    section = data.section("augment", _FIELDS)
    return Augmentation(
        sizes=_sizes(section, fit),
        cropping=_cropping(section, fit),
        warping=_warping(section, fit),
        jitter=_jitter(section),
    )


def _sizes(section: Section, fit: str) -> Sizes:
    section.take("sizes", "pairs of a longer and a shorter side", lambda x: all(map(_is_size, x)))
    section.take(
        "size_ranges",
        "a range of the longer and one of the shorter side, smaller ends first; or nothing",
        lambda ranges: len(ranges) in (0, 2) and all(map(_is_range_of_counts, ranges)),
    )
    section.take("factors", "two factors, the smaller one first, or nothing", _are_factors)
    ways = ("sizes", "size_ranges", "factors")
    used = [way for way in ways if len(section.get(way))]
    for field in used:
        _needs(section, field, fit != CENTERED, f"nothing, as resize.fit is {CENTERED!r}")
        _needs(section, field, field == used[0], f"nothing, as {used[0]} is given")
    pairs = [tuple(map(int, pair)) for pair in section.get("sizes")]
    if fit != EXACT:
        pairs = [(max(pair), min(pair)) for pair in pairs]
    return Sizes(
        choices=tuple(pairs),
        ranges=tuple(tuple(map(int, ends)) for ends in section.get("size_ranges")),
        factors=tuple(map(float, section.get("factors"))),
    )


def _cropping(section: Section, fit: str) -> Cropping:
    crop = section.section("crop", _CROP_FIELDS)
    cropping = Cropping(
        probability=float(crop.take("probability", "0 to 1", is_share)),
        sides=tuple(
            crop.take("sides", "two sides in pixels, the smaller one first", _is_range_of_counts)
        ),
        when=crop.take("when", "'before' or 'after'", (BEFORE, AFTER).__contains__),
        short_sides=tuple(
            crop.take("short_sides", "sides in pixels", lambda sides: all(map(is_count, sides)))
        ),
    )
    if cropping.probability:
        _needs(crop, "probability", fit != CENTERED, f"0, as resize.fit is {CENTERED!r}")
    if cropping.short_sides:
        _needs(crop, "short_sides", cropping.when == BEFORE, f"nothing, as when is {AFTER!r}")
    return cropping


def _warping(section: Section, fit: str) -> Warping:
    warp = section.section("warp", _WARP_FIELDS)
    scales = warp.take("scales", "factors above 0", lambda scales: all(0 < x < 1e3 for x in scales))
    if len(scales):
        _needs(warp, "scales", fit == CENTERED, f"nothing, as resize.fit is not {CENTERED!r}")
    margin = warp.take("margin", "pixels, a whole number", lambda x: x == 0 or is_count(x))
    return Warping(tuple(map(float, scales)), int(margin))


def _jitter(section: Section) -> Jitter:
    colors = section.section("colors", _COLOR_FIELDS)
    return Jitter(
        **{name: float(colors.take(name, "0 to 1", is_share)) for name in _COLOR_FIELDS},
    )


def _needs(section: Section, field: str, fits: bool, expected: str) -> None:
    """Raises InputError for a field that does not fit the others."""
    section.take(field, expected, lambda value: fits)


def _is_size(pair: Any) -> bool:
    return len(pair) == 2 and all(map(is_count, pair))


def _is_range_of_counts(ends: Any) -> bool:
    return _is_size(ends) and ends[0] <= ends[1]


def _are_factors(ends: Any) -> bool:
    return len(ends) == 0 or (len(ends) == 2 and 0 < ends[0] <= ends[1] < 1e3)
