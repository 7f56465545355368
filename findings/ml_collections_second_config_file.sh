#!/usr/bin/env bash
# ml_collections 1.1.0: of two configuration files read by one process, the second keeps the names of the
# first.
#
# DEFINE_config_file loads a file as a module named after the flag, and a module of that name that is
# loaded already is filled again, not replaced. Whoever reads several files under the usual name,
# `config`, as notebooks and tests do, gets for a file without `get_config` that of the file before, and
# no error.
#
# Seen: a file that holds nothing but `x = 1` is an AttributeError when read first; read after another
# one, its value is the configuration of that one.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q ml-collections==1.1.0 absl-py==2.5.1
cd "$folder"
cat > first.py <<'PYTHON'
from ml_collections import ConfigDict


def get_config():
    return ConfigDict({"learning_rate": 0.5})
PYTHON
echo "x = 1" > second.py
"$folder/venv/bin/python" - <<'PYTHON'
from absl import flags
from ml_collections import config_flags


def read(file):
    """The value of a flag `config` that names a file, or the kind of the error."""
    known = flags.FlagValues()
    config_flags.DEFINE_config_file("config", flag_values=known)
    try:
        known(["program", f"--config={file}"])
        return known["config"].value.to_dict()
    except AttributeError as error:
        return type(error).__name__


alone, first, second = read("second.py"), read("first.py"), read("second.py")
print("the second file alone:", alone)
print("after the first:", second)
assert alone == "AttributeError", "it has changed"
assert first == second == {"learning_rate": 0.5}, "it has changed"
PYTHON
