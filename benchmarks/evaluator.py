"""Times the evaluator against the official algorithm on files as large as those of OVIS validation.

Run as `python -m benchmarks.evaluator [--tracks 40]` in the repository's root; with `--videos 837
--frames 25 --tracks 20 --categories 1196` the files are as large as those of LV-VIS validation.
Every way runs in a process of its own, so that seconds and memory are those of a command line:
imports, reading, and (in ours alone) checking every mask are included. Memory is the largest of the
process, and with workers the sum over processes of what each does not share.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import pathlib
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator

from benchmarks.inputs import track_files

WAYS = ("pairwise", "ours", "ours, 2 workers")
PHASES = {
    "load": ("measuring.load_annotations", "measuring.read_results"),
    "IoU": ("measuring.measure_overlaps",),
    "match and accumulate": (
        "evaluator.objects_by_category",
        "evaluator.match_category",
        "evaluator.summarize",
    ),
}


def main() -> None:
    """Writes the files, runs every way, prints a table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--videos", type=int, default=140)
    parser.add_argument("--frames", type=int, default=64, help="of every video")
    parser.add_argument("--tracks", type=int, default=40, help="of every video, on average")
    parser.add_argument("--categories", type=int, default=25)
    parser.add_argument("--rounds", type=int, default=3, help="the best one counts")
    parser.add_argument("--run", nargs=3, metavar=("WAY", "GT", "RESULTS"), help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.run:
        return run_way(*arguments.run)
    with tempfile.TemporaryDirectory() as folder:
        sizes = {k: getattr(arguments, k) for k in ("videos", "frames", "tracks", "categories")}
        paths = track_files.write_files(pathlib.Path(folder), **sizes)
        megabytes = sum(path.stat().st_size for path in paths) / 1e6
        print(f"{sizes}: {megabytes:.0f} MB of JSON", flush=True)
        rounds = [{way: measure(way, *paths) for way in WAYS} for _ in range(arguments.rounds)]
    best = {way: min((r[way] for r in rounds), key=lambda found: found["total"]) for way in WAYS}
    values = [found.pop("values") for found in best.values()]
    if any(abs(own[k] - values[0][k]) > 1e-9 for own in values for k in values[0]):
        raise SystemExit(f"the numbers differ: {values}")
    print_table(best)


def measure(way: str, gt: pathlib.Path, results: pathlib.Path) -> dict:
    """Seconds of a whole process and of its phases, its memory, and the numbers it found."""
    command = [sys.executable, "-m", "benchmarks.evaluator", "--run", way, str(gt), str(results)]
    start = time.perf_counter()
    output = subprocess.run(command, stdout=subprocess.PIPE, check=True).stdout
    total = time.perf_counter() - start
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)  # watching costs time: run anew
    with peak_memory(process.pid) as memory:
        process.wait()
    return json.loads(output) | {"total": total, "MB": memory[0]}


def run_way(way: str, gt: str, results: str) -> None:
    """Evaluates in one way; prints the phases and the numbers as JSON."""
    if way == "pairwise":
        from benchmarks.alternatives import pairwise_evaluator

        values, seconds = pairwise_evaluator.evaluate(pathlib.Path(gt), pathlib.Path(results))
    else:
        from ovis_jax.evaluation import evaluator, measuring

        modules = {"evaluator": evaluator, "measuring": measuring}
        seconds = dict.fromkeys(PHASES, 0.0)
        for phase, names in PHASES.items():
            for module, name in (full.split(".") for full in names):
                function = getattr(modules[module], name)
                setattr(modules[module], name, timed(function, phase, seconds))
        metrics = evaluator.evaluate(gt, results, workers=2 if "2" in way else 1)
        values = {k: metrics.values[k] for k in ("AP", "AP_SO", "AP_MO", "AP_HO")}
    print(json.dumps({"values": values} | seconds))


def timed(function: Callable, phase: str, seconds: dict[str, float]) -> Callable:
    """The same function, adding the time of its calls to a phase."""

    def wrapper(*args, **kwargs):
        start = time.perf_counter()
        try:
            return function(*args, **kwargs)
        finally:
            seconds[phase] += time.perf_counter() - start

    return wrapper


@contextlib.contextmanager
def peak_memory(pid: int) -> Iterator[list[float]]:
    """Watches a process and its children; the list holds the largest sum seen, in MB. Linux."""
    peak, done = [0.0], threading.Event()

    def watch():
        while not done.wait(0.02):
            peak[0] = max(peak[0], sum(proportional_memory(p) for p in (pid, *children(pid))))

    thread = threading.Thread(target=watch)
    thread.start()
    try:
        yield peak
    finally:
        done.set()
        thread.join()


def children(pid: int) -> list[int]:
    """The child processes of a process."""
    try:
        text = pathlib.Path(f"/proc/{pid}/task/{pid}/children").read_text()
    except OSError:
        return []
    return [int(child) for child in text.split()]


def proportional_memory(pid: int) -> float:
    """MB of a process; what several share is divided among them."""
    try:
        lines = pathlib.Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    except OSError:
        return 0.0
    return sum(int(line.split()[1]) for line in lines if line.startswith("Pss:")) / 1e3


def print_table(found: dict[str, dict]) -> None:
    """A row for each way, then how many times better than the first one it is."""
    columns = ("total", *PHASES, "MB")
    print(f"{'':18s}" + "".join(f"{name:>22s}" for name in columns))
    first = found[WAYS[0]]
    for way, own in found.items():
        cells = (f"{own[c]:.2f}" if own[c] else "-" for c in columns)
        print(f"{way:18s}" + "".join(f"{cell:>22s}" for cell in cells))
    for way, own in list(found.items())[1:]:
        cells = (f"{first[c] / own[c]:.1f}x" if own[c] else "-" for c in columns)
        print(f"{way:18s}" + "".join(f"{cell:>22s}" for cell in cells))
    one, two = found[WAYS[1]]["total"], found[WAYS[2]]["total"]
    print(f"two workers against one: {one / two:.2f}x")


if __name__ == "__main__":
    main()
