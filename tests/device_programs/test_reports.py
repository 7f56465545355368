"""What reports say of compiled programs."""

from device_programs.compiled_texts import GPU, TPU

from benchmarks.devices import tables
from benchmarks.devices.hlo import parse
from benchmarks.devices.reports import report
from benchmarks.devices.stages import stage
from benchmarks.devices.targets import TARGETS

LOSSES = "jit(train_step)/transpose(jvp(MaskTrackRCNN.losses))"
OFFSETS = f"{LOSSES}/calibration/calibration.offsets"


BY_PATH = {
    "jit(train_step)/mul": "optimizer",
    "": "all else",
    f"{LOSSES}/backbone/stage1/block0/conv1/conv/conv_general_dilated": "backbone",
    f"{LOSSES}/neck/output2/conv/conv_general_dilated": "neck",
    f"{LOSSES}/calibration/align/dot_general": "calibration: alignment",
    f"{OFFSETS}/offset_convs_0/add": "calibration: offsets",
    f"{OFFSETS}/calibration.comparison/pad": "calibration: comparison",
    f"{LOSSES}/calibration/calibration.level/add": "calibration: all else",
    f"{LOSSES}/rpn/hidden/add": "proposals",
    f"{LOSSES}/MaskTrackRCNN._decode_proposals/vmap(jit(sort))/sort": "proposals",
    f"{LOSSES}/MaskTrackRCNN.classify/MaskTrackRCNN._roi_features/vmap()/gather": "box: RoIAlign",
    f"{LOSSES}/MaskTrackRCNN.segment/mask/conv0/conv/add": "mask",
    f"{LOSSES}/MaskTrackRCNN.uncover/MaskTrackRCNN._roi_features/vmap()/mul": "mask: RoIAlign",
    f"{LOSSES}/MaskTrackRCNN.embed/track/fc0/dot_general": "track",
    f"{LOSSES}/MaskTrackRCNN.roi_losses/reduce_sum": "losses and targets",
    "jit(_step)/SipMask.step/SipMask.detect/fcos/align/conv/add": "feature alignment",
    "jit(_step)/SipMask.step/SipMask.detect/fcos/class_tower/conv0/add": "towers and boxes",
    "jit(_step)/SipMask.step/add": "all else",
    "jit(train_step)/jvp(CrossVIS.losses)/CrossVIS.drawn_losses/add": "losses and targets",
    "jit(train_step)/jvp(CrossVIS.losses)/CrossVIS.predict_pairs/reid/add": "embeddings",
    "jit(train_step)/CrossVIS.encode_pairs/add": "all else",
    "jit(train_step)/jvp(QueryVIS.losses)/QueryVIS.image_losses/QueryVIS.refine/stages_0/dot": (
        "refinement"
    ),
    "jit(train_step)/QueryVIS.losses/QueryVIS.image_losses/QueryVIS.assign/while": "assignment",
    "jit(train_step)/jvp(QueryVIS.losses)/QueryVIS.image_losses/QueryVIS.mask_sums/add": (
        "losses and targets"
    ),
    "jit(advance)/STMask.step/STMask.moved/shift/shift.pool/add": "moving objects",
    "jit(encode)/STMask.encode/STMask.predict/anchors/upfeature/conv": "towers and boxes",
    "jit(_step)/TraDeS.step/TraDeS.predict/motion/differences_0/conv1/conv/add": "motion",
    "jit(_step)/TraDeS.step/TraDeS.predict/center/heat/add": "heads",
    "jit(encode)/VidEoMT.encode/encoder/encoder.block/blocks_3/attention/vmap()/dot_general": (
        "tokens: attention"
    ),
    "jit(_step)/VidEoMT.step/VidEoMT.run_queries/encoder.block/blocks_23/mlp/up/dot_general": (
        "tokens: feed-forward"
    ),
    "jit(_step)/VidEoMT.step/VidEoMT.run_queries/encoder.block/blocks_23/norm1/add": (
        "tokens: all else"
    ),
    "jit(_step)/VidEoMT.step/VidEoMT.run_queries/VidEoMT._predict/head/head.upscale/double/dot": (
        "mask: upscaling"
    ),
    "jit(train_step)/jvp(VidEoMT.losses)/VidEoMT.drawn_losses/add": "losses and targets",
    "jit(encode)/IDOL.encode/transformer/transformer.encode/encoder_0/attention/offsets/dot": (
        "transformer: deformable attention"
    ),
    "jit(encode)/IDOL.encode/transformer/transformer.encode/encoder_0/feedforward/expand/dot": (
        "transformer: feed-forward"
    ),
}


def test_the_path_of_an_instruction_names_its_stage():
    assert {path: stage(path) for path in BY_PATH} == BY_PATH


def test_cycles_are_summed_in_all_and_by_stage_and_the_dearest_come_first():
    found = report(parse(TPU), TARGETS["tpu-v5e"])
    assert found["cycles"] == 278
    assert found["cycles_loops_once"] == 128
    assert found["stages"] == {
        "calibration: comparison": 170,
        "mask": 100,
        "all else": 7,
        "optimizer": 1,
    }
    assert found["opcodes"] == {"fusion": 271, "copy": 7}
    assert [row["cycles"] for row in found["dearest"]] == [160, 100, 10, 7, 1]
    assert found["dearest"][0]["times"] == 16
    assert found["exchanged_bytes"] == {"all-reduce": 24}
    assert found["loops_of_unknown_length"] == ["while.2"]


MOVES = """
%fused_gather (p: f32[8,4]) -> f32[2,4] {
  %p = f32[8,4]{1,0} parameter(0)
  ROOT %gather.1 = f32[2,4]{1,0} gather(%p, %p), offset_dims={1}
}

ENTRY %main (p.1: f32[8,4]) -> f32[2,4] {
  %p.1 = f32[8,4]{1,0} parameter(0)
  %sort.1 = f32[8,4]{1,0} sort(%p.1), dimensions={0}
  %fusion.1 = f32[2,4]{1,0} fusion(%sort.1), kind=kCustom, calls=%fused_gather
  ROOT %fusion.2 = f32[2,4]{1,0} fusion(%sort.1), kind=kCustom, calls=%fused_gather
}
"""


def test_what_the_estimate_leaves_out_is_counted_inside_of_fusions_too():
    found = written(MOVES, "tpu-v5e")
    assert found["unestimated"] == {"gather": 2, "sort": 1}
    text = "\n".join(tables.lines(found | {"cycles": 1}))
    assert "not in the estimate: 2 gathers, 1 sorts" in text


def test_launches_are_counted_by_kind_and_convolutions_by_layout():
    found = report(parse(GPU), TARGETS["h100"])
    kinds = {"fusion": 2, "convolution": 1, "__cublas$gemm": 1, "copy": 1, "loop": 1}
    assert found["kinds"] == kinds
    assert found["launches"] == 6
    assert found["kernels"] == 4 + 5  # the body runs five times
    assert found["stages"] == {"all else": 7, "backbone": 1, "optimizer": 1}
    assert found["convolutions"] == {"Forward b01f_o01i->b01f bf16": 1}


def written(text, target):
    facts = {
        "request": {"target": target},
        "versions": {"jax": "0"},
        "compile_seconds": 2.0,
        "tracing_seconds": 1.0,
        "memory": {"temp": 2**30},
        "cost": {"operations": 197e9, "bytes": 819e6},
        "formula": {"total": 1, "text": "state"},
    }
    return facts | report(parse(text), TARGETS[target])


def test_a_report_is_printed_with_its_floor_and_compared_number_by_number():
    found = written(TPU, "tpu-v5e")
    text = "\n".join(tables.lines(found))
    assert "at peak 1.0 ms" in text and "at full bandwidth 1.0 ms" in text
    assert "temp 1.000" in text and "loops counted once: while.2" in text
    rows = list(tables.comparison(found, found | {"cycles": 139, "launches": 3}))
    assert any(row.split() == ["cycles", "278", "139", "0.50"] for row in rows)
    assert any(row.split() == ["launches", "0", "3", "-"] for row in rows)
    assert "convolution" in "\n".join(tables.lines(written(GPU, "h100")))
