"""Reading the text of compiled programs."""

import pytest
from device_programs.compiled_texts import GPU, TPU

from benchmarks.devices.hlo import bytes_of, parse
from benchmarks.devices.loops import executed, loops_of_unknown_length, trips


def instruction(program, name):
    (found,) = (x for lines in program.computations.values() for x in lines if x.name == name)
    return found


def test_an_instruction_has_its_type_path_operands_and_cycles():
    fusion = instruction(parse(TPU), "fusion.1")
    assert fusion.opcode == "fusion"
    assert fusion.type == "(f32[8]{0:T(256)}, bf16[2,4]{1,0:T(8,128)(2,1)})"
    assert fusion.op_name.endswith("mask/conv0/conv/conv_general_dilated")
    assert fusion.operands == ["state"]
    assert fusion.called == {"calls": ("fused_computation.1",)}
    assert fusion.cycles == 100
    assert fusion.bytes == 8 * 4 + 8 * 2


def test_the_branches_of_a_condition_are_called():
    found = instruction(parse(TPU), "conditional.1")
    assert found.called == {"branch_computations": ("cheap", "dear")}


def test_bytes_are_those_of_all_arrays_of_a_type():
    assert bytes_of("f32[]") == 4
    assert bytes_of("(s32[2,3]{1,0}, pred[5], f64[2], u8[0], token[])") == 24 + 5 + 16
    assert bytes_of("(f8e4m3fn[7], c64[2])") == 7 + 16


def test_a_loop_counts_as_often_as_it_runs_and_the_inside_of_a_kernel_not_at_all():
    program = parse(TPU)
    assert trips(program, instruction(program, "while.1")) == 16  # read from its condition
    counts = {i.name: n for i, n in executed(program) if i.cycles}
    assert counts == {"fusion.1": 1, "fusion.2": 1, "copy.5": 1, "fusion.4": 1}
    assert sum(i.cycles * n for i, n in executed(program)) == 100 + 17 * 10 + 7 + 1
    once = executed(program, loops_once=True)
    assert sum(i.cycles * n for i, n in once) == 100 + 2 * 10 + 7 + 1


def test_loops_whose_length_depends_on_data_are_named():
    assert loops_of_unknown_length(parse(TPU)) == ["while.2"]
    assert loops_of_unknown_length(parse(GPU)) == []  # the compiler says 5


def test_a_text_without_an_entry_is_refused():
    with pytest.raises(ValueError, match="ENTRY"):
        parse("HloModule x")
