"""Times the analysis of results on files as large as those of OVIS validation.

Run as `python -m benchmarks.analysis [--systems 2] [--output DIR]` in the repository's root. The
files are generated; a second system is the first one with every third track left out. Seconds and
memory are those of the whole command line in a process of its own.
"""

from __future__ import annotations

import argparse
import json
import pathlib
import resource
import subprocess
import sys
import tempfile
import time

from benchmarks.inputs import track_files


def main() -> None:
    """Writes the files, analyses them, prints seconds and memory."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--videos", type=int, default=140)
    parser.add_argument("--frames", type=int, default=64, help="of every video")
    parser.add_argument("--tracks", type=int, default=40, help="of every video, on average")
    parser.add_argument("--systems", type=int, choices=(1, 2), default=1)
    parser.add_argument("--output", type=pathlib.Path, help="keeps the files and the report there")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = arguments.output or pathlib.Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        sizes = {k: getattr(arguments, k) for k in ("videos", "frames", "tracks")}
        gt, results = track_files.write_files(folder, **sizes)
        systems = [results]
        if arguments.systems == 2:
            systems.append(folder / "fewer.json")
            tracks = json.loads(results.read_text())
            fewer = [own for number, own in enumerate(tracks) if number % 3]
            systems[1].write_text(json.dumps(fewer))
        command = [sys.executable, "-m", "ovis_jax.tools.analyze_results", "--annotations", gt]
        command += ["--results", *systems, "--output", folder / "report"]
        start = time.perf_counter()
        subprocess.run(list(map(str, command)), check=True)
        wall = time.perf_counter() - start
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    print(
        f"{sizes}, systems: {arguments.systems}: {wall:.1f} s, of it "
        f"{used.ru_utime + used.ru_stime:.1f} s of CPU; at most {used.ru_maxrss / 1024:.0f} MB"
    )


if __name__ == "__main__":
    main()
