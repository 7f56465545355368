"""Which stage of a model an instruction belongs to, by the path that tracing gave it."""

from __future__ import annotations

import re

_WRAPPED = re.compile(r"^(?:[\w\-]+\()*([^()]*)\)*$")
SYSTEMS = frozenset(
    "MaskTrackRCNN SipMask CrossVIS QueryVIS STMask TraDeS StemSeg Feelvos IDOL VidEoMT".split()
)
OPTIMIZER, LOSSES, REST = "optimizer", "losses and targets", "all else"

# The first row of which all parts stand in the path counts.
_RULES = (
    ("tokens: attention", "VidEoMT", "encoder", "attention"),
    ("tokens: feed-forward", "VidEoMT", "encoder", "mlp"),
    ("tokens: all else", "VidEoMT", "encoder"),
    ("mask: upscaling", "VidEoMT", "head", ".upscale"),
    ("mask", "VidEoMT", "head"),
    ("transformer: self-attention", "transformer", "self_attention"),
    ("transformer: deformable attention", "transformer", "attention"),
    ("transformer: feed-forward", "transformer", "feedforward"),
    ("transformer: all else", "transformer"),
    ("backbone", "backbone"),
    ("neck", "neck"),
    ("calibration: comparison", ".comparison"),
    ("calibration: offsets", ".offsets", "calibration"),
    ("calibration: alignment", "align", "calibration"),
    ("calibration: all else", "calibration"),
    ("feature alignment", "align"),
    ("refinement: RoIAlign", ".refine", "._roi_features"),
    ("refinement", ".refine"),
    ("assignment", ".assign"),
    ("proposals", "rpn"),
    ("proposals", "._decode_proposals"),
    ("box: RoIAlign", ".classify", "._roi_features"),
    ("box", ".classify"),
    ("mask: RoIAlign", ".segment", "._roi_features"),
    ("mask: RoIAlign", ".uncover", "._roi_features"),
    ("mask", ".segment"),
    ("mask", ".uncover"),
    ("track: RoIAlign", ".embed", "._roi_features"),
    ("track", ".embed"),
    ("mask: RoIAlign", ".training_masks", "._roi_features"),
    ("mask", ".training_masks"),
    ("track", ".reference_embeddings"),
    ("box", "box"),
    ("mask", "mask"),
    ("mask", "._masks"),
    ("track", "track"),
    ("track", "._track_loss"),
    ("towers and boxes", "fcos"),
    ("towers and boxes", "anchors"),
    ("prototypes", "prototypes"),
    ("moving objects", "shift"),
    ("moving objects", ".moved"),
    ("moving objects", "._shift_losses"),
    ("mask", "._mask_loss"),
    ("mask", ".draw"),
    ("decode", ".detections"),
    ("embeddings", "reid"),
    ("embeddings", "identity"),
    ("embeddings", "._identity_loss"),
    ("motion", "motion"),
    ("heads", "center"),
    ("heads", "seg"),
    ("decode", ".decode"),
    ("normalise", ".normalise"),
    (LOSSES, ".losses"),
    (LOSSES, ".shifted_losses"),
    (LOSSES, ".drawn_losses"),
    (LOSSES, ".image_losses"),
)


def stage(op_name: str) -> str:
    """Stage of an instruction.

    Args:
      op_name: path of scopes, "/" between them; transformations stand around a scope, as in
        "jit(train_step)/transpose(jvp(MaskTrackRCNN.losses))/backbone/mul".

    Returns:
      "backbone", "box: RoIAlign" and so on; "optimizer" for what a step does outside the model;
      "all else" where there is no path or no rule for it.
    """
    scopes = [_WRAPPED.sub(r"\1", scope) for scope in op_name.split("/")]
    names = set(scopes) | {"." + scope.rpartition(".")[2] for scope in scopes if "." in scope}
    names |= {scope.rpartition(".")[0] for scope in scopes if "." in scope}
    for title, *parts in _RULES:
        if names.issuperset(parts):
            return title
    inside = any(scope.split(".")[0] in SYSTEMS for scope in scopes)
    return OPTIMIZER if not inside and "train_step" in scopes else REST
