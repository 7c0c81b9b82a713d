#!/usr/bin/env python3
"""From a raw CSV to a cache file: ours (bench_data) beside the same steps in pandas, in one run.

    tools/bench_data.py                        # 10 million rows, three rounds
    tools/bench_data.py --rows 1000000

Each program runs in a process of its own, in turns; both must find the same users, items, order, ratings
and times. pandas lives in its own virtual environment, which this script makes when it is missing.
"""

import argparse
import hashlib
import json
import resource
import statistics
import subprocess
import sys
import time
from pathlib import Path

from own_venv import enter_venv

ROOT = Path(__file__).resolve().parent.parent
CORE = 5
VARIANTS = ["usual", "ids first"]
REQUIREMENTS = ["pandas==3.1.1", "pyarrow==26.0.1"]


# ---- pandas ----


def keep_core(rows):
    """Users and items with fewer rows are dropped until none are left."""
    while True:
        before = len(rows)
        for column in ("user", "item"):
            rows = rows[rows.groupby(column)[column].transform("size") >= CORE]
        if len(rows) == before:
            return rows


def prepare_with_pandas(csv: Path, folder: Path, ids_first: bool) -> dict:
    """The same steps: read, k-core, ids by first appearance, stable order, leave-one-out, save.

    ids_first: texts become numbers before the k-core too, as someone who profiled the usual way would do it.
    """
    import numpy
    import pandas

    start, start_cpu = time.perf_counter(), time.process_time()
    rows = pandas.read_csv(csv)
    names = {}
    if ids_first:
        for column in ("user", "item"):
            rows[column], names[column] = pandas.factorize(rows[column])
    rows = keep_core(rows)
    user, user_keys = pandas.factorize(rows["user"])
    item, item_keys = pandas.factorize(rows["item"])
    if ids_first:
        user_keys, item_keys = names["user"][user_keys], names["item"][item_keys]
    rows = pandas.DataFrame({"user": user, "item": item.astype("int32"), "rating": rows["rating"].to_numpy("float32"),
                             "timestamp": rows["timestamp"].to_numpy("int64")})
    rows = rows.sort_values(["user", "timestamp"])  # By several columns it is stable.
    lengths = numpy.bincount(rows["user"]).astype("int64")
    left = rows.groupby("user").cumcount(ascending=False).to_numpy()
    split = numpy.where(left == 0, 2, numpy.where(left == 1, 1, 0)).astype("int8")  # Test, validation, train.
    columns = [rows[name].to_numpy() for name in ("item", "rating", "timestamp")]
    for name, column in zip(("item", "rating", "timestamp", "length", "split", "user_key", "item_key"),
                            (*columns, lengths, split, user_keys, item_keys)):
        numpy.save(folder / f"{name}.npy", numpy.asarray(column))
    seconds, cpu_seconds = time.perf_counter() - start, time.process_time() - start_cpu
    peak_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e6

    hashed = hashlib.sha256()
    for texts in (user_keys, item_keys, lengths):
        hashed.update("".join(f"{text}\n" for text in texts).encode())
    for column in columns:
        hashed.update(column.tobytes())
    return {"users": len(user_keys), "items": len(item_keys), "interactions": len(rows), "seconds": seconds,
            "cpu_seconds": cpu_seconds, "peak_mb": peak_mb, "hash": hashed.hexdigest()}


# ---- the comparison ----


def measure(command: list, folder: Path) -> dict:
    """Runs a program that prints its figures as JSON; what it wrote is removed, so that each run starts afresh."""
    folder.mkdir(parents=True, exist_ok=True)
    for old in folder.iterdir():
        old.unlink()
    return json.loads(subprocess.run([str(part) for part in command], check=True, stdout=subprocess.PIPE).stdout)


def report(results: dict[str, list[dict]]) -> str:
    """Markdown: medians over the rounds; the last column is the median of the rounds' ratios."""
    facts = {tuple(run[name] for name in ("users", "items", "interactions", "hash")) for runs in results.values()
             for run in runs}
    assert len(facts) == 1, f"the programs disagree: {results}"
    users, items, interactions, hashed = facts.pop()
    lines = [f"{users:,} users, {items:,} items, {interactions:,} interactions are left; same sequences (SHA-256 "
             f"{hashed[:16]})", "", "| program | s | CPU s | peak memory, MB | times slower |",
             "| --- | ---: | ---: | ---: | ---: |"]
    for program, runs in results.items():
        seconds, cpu_seconds, peak_mb = (statistics.median(run[name] for run in runs)
                                         for name in ("seconds", "cpu_seconds", "peak_mb"))
        slower = statistics.median(run["seconds"] / ours["seconds"] for run, ours in zip(runs, results["seqsweep"]))
        lines.append(f"| {program} | {seconds:.2f} | {cpu_seconds:.2f} | {peak_mb:.0f} | {slower:.1f} |")
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=10_000_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--program", type=Path, default=ROOT / "build" / "bin" / "bench_data")
    parser.add_argument("--folder", type=Path, default=ROOT / "out" / "bench_data", help="where files go")
    parser.add_argument("--venv", type=Path, default=ROOT / ".venv-pandas")
    parser.add_argument("--pandas", choices=VARIANTS, help=argparse.SUPPRESS)  # A run of pandas alone.
    arguments = parser.parse_args()
    enter_venv(arguments.venv, REQUIREMENTS)

    csv, folder = arguments.folder / f"{arguments.rows}.csv", arguments.folder / "made"
    if arguments.pandas:
        print(json.dumps(prepare_with_pandas(csv, folder, arguments.pandas == "ids first")))
        return
    if not csv.exists():
        subprocess.run([arguments.program, "make", csv, str(arguments.rows)], check=True)
    results = {}
    for _ in range(arguments.rounds):
        commands = {"seqsweep": [arguments.program, "run", csv, folder]}
        for variant in VARIANTS:
            commands[f"pandas, {variant}"] = [sys.executable, __file__, *sys.argv[1:], "--pandas", variant]
        for program, command in commands.items():
            results.setdefault(program, []).append(measure(command, folder))
    print(report(results))


if __name__ == "__main__":
    main()
