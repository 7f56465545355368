"""Options of the programs that compute with JAX or TensorFlow, known without importing either."""

import argparse
import pathlib

from ovis_jax.formats.categories import CATEGORY_SETS
from ovis_jax.tools.annotation_flags import add_box_flag, add_crowd_flag
from ovis_jax.tools.choices import DEFAULT_WRITES, MODELS, MODES, PLATFORMS, RECORDS, WRITES
from ovis_jax.tools.tool import ToolParser, at_least

_CONFIG = "name or file of a configuration, such as quickstart or my/model.py"
_CAUSAL = "sees no frame after the one it tracks, whatever the model was trained with"
_DEVICES = "devices over which a video's frames are spread to be encoded (default 1)"
_FIELDS = "Fields of the configuration are set by --config.FIELD=VALUE."


def train() -> ToolParser:
    """Of `ovis_jax.main`."""
    parser = ToolParser(
        prog="ovis-jax train",
        description="Trains a model, then evaluates and predicts with it, or does one of these; "
        "goes on where a run in the work directory was cut off.",
        epilog=_FIELDS,
    )
    parser.add_argument("--config", required=True, metavar="NAME", help=_CONFIG)
    parser.add_argument(
        "--workdir", required=True, metavar="DIR", help="folder of the run, made if it is not there"
    )
    parser.add_argument(
        "--mode", choices=MODES, default=MODES[-1], help=f"what to do (default {MODES[-1]})"
    )
    parser.add_argument(
        "--distributed",
        type=_truth,
        nargs="?",
        const=True,
        default=False,
        metavar="true|false",
        help="one of several processes, which JAX finds by itself (TPU, Slurm, MPI)",
    )
    parser.add_argument("--coordinator", metavar="HOST:PORT", help="of process 0 of several")
    parser.add_argument(
        "--num-processes", type=int, metavar="N", help="with --coordinator: how many"
    )
    parser.add_argument(
        "--process-id", type=int, metavar="N", help="with --coordinator: this one's number"
    )
    return parser


def predict_video() -> ToolParser:
    """Of `ovis_jax.tools.predict_video`."""
    parser = ToolParser(
        prog="ovis-jax predict",
        description="Tracks the objects of video files, folders of frames or images; goes on where "
        "it was interrupted when the same line is repeated.",
        epilog=_FIELDS,
    )
    _add_model_options(parser)
    parser.add_argument(
        "--input",
        required=True,
        nargs="+",
        metavar="PATH",
        help="video files, images, or folders of JPEG or PNG frames",
    )
    parser.add_argument(
        "--output",
        required=True,
        metavar="DIR",
        help="folder to write to; of several inputs, each gets a folder in it",
    )
    parser.add_argument(
        "--write",
        nargs="+",
        choices=WRITES,
        default=DEFAULT_WRITES,
        help="results.json, overlay.mp4 and its contact sheet, frames.jsonl (a line for each "
        f"frame), PNGs of ids (default {' '.join(DEFAULT_WRITES)})",
    )
    parser.add_argument("--causal", action="store_true", help=_CAUSAL)
    parser.add_argument("--devices", type=at_least(1), default=1, metavar="N", help=_DEVICES)
    parser.add_argument(
        "--annotations",
        metavar="FILE",
        help="annotation file whose ids of categories are used; default: those of training",
    )
    parser.add_argument(
        "--min-score", type=float, default=0.3, help="tracks below it are not drawn (default 0.3)"
    )
    return parser


def import_weights() -> ToolParser:
    """Of `ovis_jax.tools.import_weights`."""
    parser = ToolParser(
        prog="ovis-jax import-weights",
        description="Turns a published file of weights into a checkpoint to train or predict from.",
        epilog=_FIELDS,
    )
    parser.add_argument(
        "--source",
        required=True,
        metavar="PATH",
        help="file of torch.save, safetensors, npz, or detectron2 .pkl; index of a TensorFlow "
        "checkpoint; index of shards, or its folder",
    )
    parser.add_argument("--model", required=True, choices=MODELS, help="what the file is")
    parser.add_argument("--output", required=True, metavar="DIR", help="new folder")
    parser.add_argument(
        "--config", metavar="NAME", help=f"{_CONFIG}; default: that of the published model"
    )
    parser.add_argument(
        "--categories",
        metavar="NAME",
        help=f"the model's classes: an annotation file, or one of {', '.join(CATEGORY_SETS)}; they "
        "begin with those of a COCO detector that they share",
    )
    parser.add_argument(
        "--entry", default="", help="entry that holds the state dict, such as model_ema"
    )
    parser.add_argument(
        "--prefix", default="", help="read only tensors whose names begin so, such as model"
    )
    return parser


def generate_pseudo_video() -> ToolParser:
    """Of `ovis_jax.tools.generate_pseudo_video`."""
    parser = ToolParser(
        prog="ovis-jax generate pseudo-video",
        description="Writes clips that are made of still images, as training makes them, in OVIS "
        "format.",
        epilog=_FIELDS,
    )
    parser.add_argument("--config", required=True, metavar="NAME", help=_CONFIG)
    parser.add_argument("--output", required=True, metavar="DIR", help="folder to make")
    parser.add_argument(
        "--videos", type=int, default=8, help="clips, each of another image (default 8)"
    )
    parser.add_argument("--frames", type=int, default=8, help="of each clip (default 8)")
    parser.add_argument("--seed", type=int, default=0, help="of images and motions (default 0)")
    return parser


def build_records() -> ToolParser:
    """Of `ovis_jax.tools.build_records`."""
    parser = ToolParser(
        prog="ovis-jax generate records",
        description="Builds records to train on from a download folder, as `tfds build` does.",
    )
    parser.add_argument("--dataset", choices=RECORDS, required=True)
    parser.add_argument("--config", choices=("frames", "videos", "prepared"), default="frames")
    parser.add_argument("--download", type=pathlib.Path, help="folder with the official layout")
    parser.add_argument("--output", type=pathlib.Path, required=True, help="folder of data sets")
    formats = ("array_record", "tfrecord")
    parser.add_argument("--file-format", choices=formats, default=formats[0])
    parser.add_argument("--image-scale", type=int, nargs=2, help="of prepared frames, in pixels")
    parser.add_argument("--image-encoding", choices=("raw", "png"), help="of prepared frames")
    add_crowd_flag(parser)
    add_box_flag(parser)
    parser.add_argument("--beam", metavar="RUNNER", help="such as DirectRunner")
    return parser


def demo() -> ToolParser:
    """Of `ovis_jax.tools.demo`."""
    parser = ToolParser(
        prog="ovis-jax demo",
        description="Tracks a generated clip, or a video, with the package's small model.",
    )
    parser.add_argument(
        "--output",
        type=pathlib.Path,
        default=pathlib.Path("ovis_jax_demo"),
        help="folder to write to (default ovis_jax_demo)",
    )
    parser.add_argument(
        "--input", type=pathlib.Path, help="video, image or folder of frames to track instead"
    )
    parser.add_argument("--seed", type=int, default=7, help="of the generated clip (default 7)")
    return parser


def pack() -> ToolParser:
    """Of `ovis_jax.tools.pack_checkpoint`."""
    parser = ToolParser(
        prog="ovis-jax pack",
        description="Packs a trained model into one file, weights in half precision.",
    )
    parser.add_argument("--workdir", type=pathlib.Path, required=True, help="of the training run")
    parser.add_argument("--output", type=pathlib.Path, required=True, help="file to write, .npz")
    parser.add_argument(
        "--annotations",
        type=pathlib.Path,
        help="names the categories; default: the run's validation set",
    )
    return parser


def _truth(text: str) -> bool:
    if text.lower() not in ("true", "false"):
        raise argparse.ArgumentTypeError(f"{text}, expected true or false")
    return text.lower() == "true"


def export() -> ToolParser:
    """Of `ovis_jax.tools.export_model`."""
    parser = ToolParser(
        prog="ovis-jax export",
        description="Writes a trained model as one file that runs without this package: programs "
        "of jax.export with weights, how frames are prepared, and names of the classes.",
        epilog=_FIELDS,
    )
    _add_model_options(parser)
    parser.add_argument(
        "--size",
        type=at_least(1),
        nargs=2,
        metavar=("WIDTH", "HEIGHT"),
        required=True,
        help="of the frames, in pixels; a file is for one size",
    )
    parser.add_argument("--output", type=pathlib.Path, required=True, help="file to write, .zip")
    parser.add_argument(
        "--platforms",
        nargs="+",
        choices=PLATFORMS,
        default=PLATFORMS,
        help=f"what it is to run on (default {' '.join(PLATFORMS)})",
    )
    parser.add_argument(
        "--chunk", type=at_least(1), help="frames encoded together; default: config.predict.chunk"
    )
    parser.add_argument("--causal", action="store_true", help=_CAUSAL)
    parser.add_argument(
        "--stablehlo", type=pathlib.Path, metavar="DIR", help="also writes the programs as text"
    )
    parser.add_argument(
        "--saved-model",
        type=pathlib.Path,
        metavar="DIR",
        help="also writes a SavedModel; needs TensorFlow",
    )
    return parser


def _add_model_options(parser: ToolParser) -> None:
    """Which trained model."""
    parser.add_argument(
        "--checkpoint",
        required=True,
        metavar="PATH",
        help="work directory, folder of checkpoints or of one, packed model, or the name of one on "
        "a hub, hf://OWNER/REPO/PATH[@REVISION][#sha256=DIGEST]",
    )
    parser.add_argument(
        "--config", metavar="NAME", help=f"{_CONFIG}; default: that of the checkpoint"
    )
