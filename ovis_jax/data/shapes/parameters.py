"""What an Occluded Shapes data set is made from: sizes, difficulty, seed."""

import dataclasses

from ovis_jax.data.shapes.classes import EVIDENCE, NUM_OUTLINES
from ovis_jax.data.shapes.degradation import KINDS
from ovis_jax.formats.errors import InputError

# A new number for whatever gives other pixels than before. Sets that only use what the second
# generator knew are the same bytes, and are still called so.
GENERATOR, SECOND_GENERATOR = "occluded shapes 3", "occluded shapes 2"
_OF_THIRD = ("evidence", "pairs", "degraded", "degradations", "amodal", "tilt")


def _field(default, text: str, choices: tuple[str, ...] | None = None):
    return dataclasses.field(default=default, metadata={"help": text, "choices": choices})


@dataclasses.dataclass(frozen=True)
class ShapesParameters:
    """Everything that the pixels and labels depend on; equal parameters, equal data set."""

    train_videos: int = _field(150, "videos in the training split")
    valid_videos: int = _field(24, "videos in the validation split")
    frames: int = _field(24, "frames of a video")
    width: int = _field(320, "frame width in pixels")
    height: int = _field(192, "frame height in pixels")
    objects: tuple[int, int] = _field((3, 6), "fewest and most objects of a video")
    sizes: tuple[float, float] = _field((34.0, 80.0), "smallest and largest diameter in pixels")
    hue_spread: float = _field(0.1, "largest distance of a hue from its category's, 0.5: any hue")
    crossing: float = _field(0.95, "share of objects on paths that meet those of others, 0 to 1")
    leaving: float = _field(0.2, "share of objects that leave the frame and come back, 0 to 1")
    depth_swaps: float = _field(0.3, "chance of a new depth order between two meetings, 0 to 1")
    occluders: tuple[int, int] = _field((0, 3), "fewest and most poles and boards of a video")
    speed: float = _field(5.0, "typical speed in pixels a frame")
    camera: float = _field(16.0, "largest shift of the background in pixels")
    motion_blur: float = _field(0.3, "share of the frame time that the shutter is open, 0 to 1")
    noise: float = _field(3.0, "standard deviation of the sensor noise, of 255")
    flicker: float = _field(0.03, "standard deviation of the brightness factor of a frame")
    min_pixels: int = _field(16, "an object with fewer visible pixels counts as not visible")
    jpeg_quality: int = _field(90, "1 to 100")
    seed: int = _field(0, "every video depends on (seed, split, number) alone")
    stills: int = _field(0, "images beside the videos, annotated as COCO's are")
    evidence: str = _field(
        "local",
        "what tells an object's class: colour and texture, and so any patch (local); the outline "
        "alone (global); colour and texture which pair, a notch which of the pair (mixed)",
        EVIDENCE,
    )
    pairs: int = _field(0, "outlines that make two classes, plain and notched; 0: five plain ones")
    degraded: float = _field(0.0, "share of frames that are degraded, 0 to 1")
    degradations: tuple[str, ...] = _field(KINDS, "what happens to degraded frames", KINDS)
    amodal: bool = _field(False, "write masks of whole objects, hidden or not, beside the others")

    tilt: float = _field(180.0, "largest angle of an object from upright at first, degrees")

    def check(self) -> None:
        """Raises InputError, naming the field, if no data set can be made from this."""
        counts = ("train_videos", "valid_videos", "stills")
        for name in (*counts, "occluders", "camera", "noise", "seed"):
            self._expect(name, min(_values(getattr(self, name))) >= 0, "at least 0")
        for name in ("frames", "min_pixels"):
            self._expect(name, getattr(self, name) >= 1, "at least 1")
        total = sum(getattr(self, name) for name in counts)
        self._expect("train_videos", total >= 1, "some video, or stills")
        for name in ("width", "height"):
            self._expect(name, 32 <= getattr(self, name) <= 4096, "32 to 4096")
        for name in ("objects", "sizes", "occluders"):
            low, high = getattr(self, name)
            self._expect(name, low <= high, "the smaller number first")
        self._expect("objects", 1 <= self.objects[0] and self.objects[1] <= 100, "1 to 100")
        side = min(self.width, self.height)
        self._expect("sizes", 8 <= self.sizes[0] and self.sizes[1] <= side, f"8 to {side}")
        for name in ("crossing", "leaving", "depth_swaps", "motion_blur"):
            self._expect(name, 0 <= getattr(self, name) <= 1, "0 to 1")
        self._expect("hue_spread", 0 <= self.hue_spread <= 0.5, "0 to 0.5")
        self._expect("camera", self.camera <= side, f"at most {side}")
        self._expect("speed", 0 < self.speed <= side, f"above 0 and at most {side}")
        self._expect("flicker", 0 <= self.flicker <= 0.3, "0 to 0.3")
        self._expect("noise", self.noise <= 100, "at most 100")
        self._expect("jpeg_quality", 1 <= self.jpeg_quality <= 100, "1 to 100")
        self._check_evidence()

    @property
    def of_second_generator(self) -> bool:
        """Whether all looks are as the second generator drew them, in the order of its draws."""
        return self.evidence == "local" and not self.pairs

    def as_json(self) -> dict:
        """The contents of parameters.json; those of older sets do not know of newer fields."""
        fields = dataclasses.asdict(self).items()
        values = {k: list(v) if isinstance(v, tuple) else v for k, v in fields}
        fresh = [name for name in _OF_THIRD if getattr(self, name) != _DEFAULTS[name]]
        for name in ("stills", *_OF_THIRD):
            if getattr(self, name) == _DEFAULTS[name]:
                del values[name]
        return {"generator": GENERATOR if fresh else SECOND_GENERATOR, **values}

    def _check_evidence(self) -> None:
        self._expect("evidence", self.evidence in EVIDENCE, f"one of {', '.join(EVIDENCE)}")
        self._expect("pairs", 0 <= self.pairs <= NUM_OUTLINES, f"0 to {NUM_OUTLINES}")
        self._expect("tilt", 0 <= self.tilt <= 180, "0 to 180")
        mixed = self.evidence == "mixed"
        self._expect("pairs", self.pairs > 0 or not mixed, "at least 1 with mixed evidence")
        self._expect("degraded", 0 <= self.degraded <= 1, "0 to 1")
        known = bool(self.degradations) and set(self.degradations) <= set(KINDS)
        self._expect("degradations", known, f"some of {', '.join(KINDS)}")

    def _expect(self, name: str, good: bool, expected: str) -> None:
        if not good:
            raise InputError(f"{name}: {getattr(self, name)}, expected {expected}")


_DEFAULTS = {field.name: field.default for field in dataclasses.fields(ShapesParameters)}


def _values(value) -> tuple:
    return value if isinstance(value, tuple) else (value,)
