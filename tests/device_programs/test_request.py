"""What the benchmark of device programs takes, and where it compiles."""

import json
import subprocess

import pytest
from device_programs.compiled_texts import TPU

from benchmarks import device_programs
from benchmarks.devices import environment
from benchmarks.devices.request import Request
from benchmarks.devices.targets import TARGETS


@pytest.mark.parametrize(
    "arguments, message",
    [
        (["--target", "tpu-v5e", "--chips", "0"], "--chips: 0, expected 1 to 256"),
        (["--target", "h100", "--chips", "16"], "--chips: 16, expected 1 to 8"),
        (["--target", "h100", "--program", "step", "--chips", "2"], "only training uses several"),
        (["--target", "tpu-v5e", "--cublas"], "--cublas: tpu-v5e has none"),
        (["--target", "h100", "--config", "configs/none.py"], "no file configs/none.py"),
        (["--target", "h100", "--against", "none.json"], "--against: none.json"),
    ],
)
def test_wrong_options_end_with_one_line_and_2(arguments, message, capsys):
    assert device_programs.main(arguments) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert message in line


def test_the_smallest_topology_that_is_large_enough_is_described():
    assert TARGETS["tpu-v5e"].topology(1) == ("v5e:2x2", 4)
    assert TARGETS["tpu-v5e"].topology(5) == ("v5e:2x4", 8)
    assert TARGETS["h100"].topology(1) == ("1x1x1", 1)


def test_what_was_compiled_is_reported_written_and_compared(tmp_path, monkeypatch, capsys):
    seen = []

    def compiler(command, cwd, env):
        request, folder = Request.read(command[3]), tmp_path / "kept"
        seen.append((command[0], request.program, request.chips, command[4], env["PYTHONPATH"]))
        (folder / "program.txt").write_text(TPU)
        facts = dict(compile_seconds=1.0, tracing_seconds=1.0, versions={}, memory={}, cost={})
        (folder / "facts.json").write_text(json.dumps(facts))
        return subprocess.CompletedProcess(command, 0)

    monkeypatch.setattr(environment, "compiler_python", lambda platform: f"python-{platform}")
    monkeypatch.setattr(subprocess, "run", compiler)
    output, kept = str(tmp_path / "a.json"), str(tmp_path / "kept")
    arguments = ["--target", "tpu-v5e", "--chips", "4", "--keep", kept]
    assert device_programs.main([*arguments, "--output", output]) == 0
    assert device_programs.main([*arguments, "--against", output]) == 0
    assert seen == 2 * [("python-tpu", "train", 4, kept, str(environment.ROOT))]
    assert json.loads((tmp_path / "a.json").read_text())["cycles"] == 278
    assert "1.00" in capsys.readouterr().out
