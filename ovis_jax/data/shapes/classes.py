"""Which classes there are, and what of an object's look tells its class."""

import dataclasses

import numpy as np

OUTLINES = ("disc", "square", "triangle", "star", "cross")
NUM_OUTLINES = len(OUTLINES)  # and so many textures: each outline has one of its own
EVIDENCE = ("local", "global", "mixed")


@dataclasses.dataclass(frozen=True)
class ShapeClass:
    """A category.

    Attributes:
      name: of the category.
      outline: index into OUTLINES.
      notched: a part is missing, which sets it apart from the other class of this outline.
    """

    name: str
    outline: int
    notched: bool = False


@dataclasses.dataclass(frozen=True)
class Look:
    """What an object looks like, but for what is drawn at random.

    Attributes:
      outline: index into OUTLINES.
      notched: see `ShapeClass`.
      texture: kind, index into OUTLINES of the outline that has it where the evidence is local.
      hue: in turns, of any size.
    """

    outline: int
    notched: bool
    texture: int
    hue: float


def shape_classes(pairs: int) -> tuple[ShapeClass, ...]:
    """The five outlines; or with pairs, the first so many outlines, each plain and notched."""
    if not pairs:
        return tuple(ShapeClass(name, number) for number, name in enumerate(OUTLINES))
    return tuple(
        ShapeClass(f"notched {name}" if notched else name, number, notched)
        for number, name in enumerate(OUTLINES[:pairs])
        for notched in (False, True)
    )


def categories_json(pairs: int) -> list[dict]:
    """The categories of an annotation file."""
    classes = shape_classes(pairs)
    return [{"id": number, "name": own.name} for number, own in enumerate(classes, start=1)]


def draw_looks(
    evidence: str, pairs: int, numbers: np.ndarray, apart: np.ndarray, spread: float, rng
) -> list[Look]:
    """The look of each object.

    Args:
      evidence: of EVIDENCE.
      pairs: see `shape_classes`.
      numbers: [N] index of each object's class.
      apart: [N] numbers of which the fractions are uniform, and apart from each other.
      spread: largest distance of a hue from that of its class or pair.
      rng: source of what else is drawn.
    """
    classes = shape_classes(pairs)
    own = [classes[number] for number in numbers]
    outlines = np.array([each.outline for each in own], int)
    if evidence == "global":
        textures, hues = rng.integers(NUM_OUTLINES, size=len(own)), apart
    else:
        kinds, count = (numbers, len(classes)) if evidence == "local" else (outlines, pairs)
        textures, hues = kinds % NUM_OUTLINES, kinds / count + spread * (2 * (apart % 1) - 1)
    return [
        Look(each.outline, each.notched, int(texture), float(hue))
        for each, texture, hue in zip(own, textures, hues, strict=True)
    ]
