"""Colours that tell identities, or occlusion levels, apart."""

import colorsys

_GOLDEN = 0.618033988749895  # consecutive multiples, modulo 1, stay far apart
_SHADES = ((0.85, 1.0), (0.55, 1.0), (0.95, 0.7))  # (saturation, value), one a round of hues
_ROUND = 8  # hues that are easy to tell apart

LEVEL_COLORS = {  # as in the paper's Figure 2
    "no_occlusion": (60, 190, 75),
    "slight_occlusion": (250, 205, 40),
    "severe_occlusion": (230, 50, 50),
}


def identity_color(identity: int) -> tuple[int, int, int]:
    """RGB colour in 0...255 of an identity; the same number has the same colour everywhere."""
    hue = (0.02 + identity * _GOLDEN) % 1.0
    saturation, value = _SHADES[identity // _ROUND % len(_SHADES)]
    red, green, blue = colorsys.hsv_to_rgb(hue, saturation, value)
    return round(red * 255), round(green * 255), round(blue * 255)


def text_color(background: tuple[int, int, int]) -> tuple[int, int, int]:
    """Black or white, whichever can be read on a colour."""
    red, green, blue = background
    bright = 0.299 * red + 0.587 * green + 0.114 * blue > 140
    return (0, 0, 0) if bright else (255, 255, 255)
