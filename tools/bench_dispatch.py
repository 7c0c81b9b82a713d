#!/usr/bin/env python3
"""Empty tasks a second: our coordinator, which stores each for good, beside two that keep them in memory.

    tools/bench_dispatch.py                # 3,000 tasks on two workers, three rounds in turns
    tools/bench_dispatch.py --tasks 10000

mpi4py.futures' MPIPoolExecutor and libEnsemble live in a virtual environment of their own, which this
script makes when it is missing. All three run under the same mpirun, one manager and two workers.
"""

import argparse
import os
import re
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from own_venv import enter_venv

ROOT = Path(__file__).resolve().parent.parent
RANKS = 3
REQUIREMENTS = ["mpi4py==4.1.2", "libensemble==1.6.1"]
NAMES = {"seqsweep": "seqsweep (MPI and SQLite)", "pool": "mpi4py.futures.MPIPoolExecutor",
         "ensemble": "libEnsemble (MPI)"}


# ---- what each rank runs ----


def nothing(_task: int) -> int:
    return 0


def pool_main(tasks: int) -> None:
    from mpi4py.futures import MPIPoolExecutor

    with MPIPoolExecutor() as executor:
        list(executor.map(nothing, range(RANKS)))  # All workers are there.
        start = time.perf_counter()
        done = sum(1 for _ in executor.map(nothing, range(tasks)))
        print(f"{done / (time.perf_counter() - start):.1f} a second", flush=True)


def simulate(history, _persistent, _specs, _info):
    import numpy

    return numpy.zeros(len(history), dtype=[("f", float)]), _persistent


def ensemble_main(tasks: int) -> None:
    import numpy
    from libensemble.alloc_funcs.give_pregenerated_work import give_pregenerated_sim_work
    from libensemble.libE import libE
    from mpi4py import MPI

    given = numpy.zeros(tasks, dtype=[("x", float), ("sim_id", int)])
    given["sim_id"] = range(tasks)
    MPI.COMM_WORLD.Barrier()
    start = time.perf_counter()
    history, _, _ = libE(
        {"sim_f": simulate, "in": ["x"], "out": [("f", float)]}, {}, {"sim_max": tasks},
        alloc_specs={"alloc_f": give_pregenerated_sim_work}, H0=given,
        libE_specs={"comms": "mpi", "mpi_comm": MPI.COMM_WORLD, "disable_log_files": True,
                    "save_H_and_persis_on_abort": False})
    if MPI.COMM_WORLD.Get_rank() == 0:
        done = int(history["sim_ended"].sum())
        print(f"{done / (time.perf_counter() - start):.1f} a second", flush=True)


# ---- the rounds ----


def command_of(program: str, tasks: int, folder: Path) -> list[str]:
    if program == "seqsweep":
        return [str(ROOT / "build" / "bin" / "bench_dispatch"), "--runs", str(tasks), "--db", str(folder / "d.db")]
    module = ["-m", "mpi4py.futures"] if program == "pool" else []
    return [sys.executable, *module, __file__, "--tasks", str(tasks), "--as", program]


def rate(program: str, tasks: int) -> float:
    mpi = ROOT / ".venv"
    environment = os.environ | {
        "LD_LIBRARY_PATH": f"{mpi}/lib:{os.environ.get('LD_LIBRARY_PATH', '')}",
        "OMPI_ALLOW_RUN_AS_ROOT": "1", "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1",
        "PRTE_ALLOW_RUN_AS_ROOT": "1", "PRTE_ALLOW_RUN_AS_ROOT_CONFIRM": "1",
        "PRTE_MCA_rmaps_default_mapping_policy": ":oversubscribe"}
    with tempfile.TemporaryDirectory() as name:
        command = [str(mpi / "bin" / "mpirun"), "-n", str(RANKS), "--bind-to", "none",
                   *command_of(program, tasks, Path(name))]
        done = subprocess.run(command, cwd=name, env=environment, text=True, capture_output=True)
    found = re.search(r"([0-9.]+) a second", done.stdout)
    if done.returncode or not found:
        sys.exit(f"{program} failed:\n{done.stdout[-2000:]}{done.stderr[-2000:]}")
    return float(found[1])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--venv", type=Path, default=ROOT / ".venv-dispatch")
    parser.add_argument("--tasks", type=int, default=3000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--as", dest="role", choices=["pool", "ensemble"], help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.role:
        {"pool": pool_main, "ensemble": ensemble_main}[arguments.role](arguments.tasks)
        return
    enter_venv(arguments.venv, REQUIREMENTS)
    rates = {program: [] for program in NAMES}
    for _ in range(arguments.rounds):
        for program in NAMES:
            rates[program].append(rate(program, arguments.tasks))
    ours = statistics.median(rates["seqsweep"])
    print(f"| {arguments.tasks} empty tasks, two workers | tasks / s | ours / theirs |\n| --- | ---: | ---: |")
    for program, found in rates.items():
        middle = statistics.median(found)
        ratio = "" if program == "seqsweep" else f"{ours / middle:.2f}"
        print(f"| {NAMES[program]} | {middle:.0f} | {ratio} |")


if __name__ == "__main__":
    main()
