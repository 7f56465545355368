import subprocess
import sys

import pytest

from ovis_jax.tools.tool import ToolParser


def parser():
    made = ToolParser(prog="tool")
    made.add_argument("--min-score", type=float, default=0.3)
    made.add_argument("--file-names", nargs="+")
    made.add_argument("--all-of-it", action="store_true")
    return made


@pytest.mark.parametrize("given", ["--min-score=0.5", "--min_score=0.5", "--min-score 0.5",
                                   "--min_score 0.5", "--min_sc 0.5"])  # fmt: skip
def test_an_option_may_be_given_with_underscores_and_with_a_space(given):
    assert parser().parse_args(given.split()).min_score == 0.5


def test_values_and_fields_of_configurations_keep_their_underscores():
    given = ["--all_of_it", "--file_names", "a_b", "c_d", "--config.train.num_steps=my_x"]
    options, settings = parser().parse_with_settings(given)
    assert options.all_of_it and options.file_names == ["a_b", "c_d"]
    assert settings == ["--config.train.num_steps=my_x"]


def test_what_sets_a_field_is_left_in_its_order_with_its_value():
    given = "--config.a -1 --min-score 1 --config.b=(1,2) --noconfig.c --config.d 5".split()
    options, settings = parser().parse_with_settings(given)
    assert options.min_score == 1
    assert settings == "--config.a -1 --config.b=(1,2) --noconfig.c --config.d 5".split()


@pytest.mark.parametrize("given", ["--min-scor_e", "--other=1", "-x", "--configure.x=1"])
def test_an_unknown_option_is_one_line_and_exit_code_2(given, capsys):
    with pytest.raises(SystemExit) as stopped:
        parser().parse_with_settings([given])
    line = capsys.readouterr().err
    assert stopped.value.code == 2
    assert line.startswith("tool: unrecognized arguments: ") and line.count("\n") == 1


def test_output_that_nobody_reads_on_is_no_bad_input():
    program = (
        "import sys; from ovis_jax.tools.tool import ToolParser, run_tool;"
        "sys.exit(run_tool(ToolParser(), lambda options: print('x' * 10**6), []))"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", program], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    process.stdout.close()
    assert process.stderr.read() == b"" and process.wait() == 1
