#!/usr/bin/env python3
"""Torments a real sweep and compares what comes out with an undisturbed one.

A sweep of small runs on synthetic data, some on two ranks and one that starts from another, under
`mpirun --with-ft ulfm`. Faults fall at random moments: SIGKILL to a worker, to a trainer, to the coordinator, to
mpirun alone and to all of it, hangs (SIGSTOP) of workers and trainers, drains, truncated and flipped checkpoints, locks on
the database, a disk that is full for a while (as root, on a small tmpfs). In the end every run must
be done exactly once, with the figures of the undisturbed sweep: runs on one rank to the last bit,
runs on two up to the order of sums. A sweep that is done before all faults have fallen is followed by
another. Everything depends on the seed but the speed of the machine.

    tools/torture.py --seed 1 --faults 50
"""

import argparse
import contextlib
import os
import pathlib
import random
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time

from torture_faults import Faults, small_disk

ROOT = pathlib.Path(__file__).resolve().parent.parent
STARTS_MAX = 200
SWEEP = """
name: torture
datasets: [{name: synthetic, users: 300, items: 120, seed: 1, max_length: 20}]
models:
  - {name: sasrec, width: 16, inner_width: 32, blocks: 1}
  - {name: sasrec, width: 8, inner_width: 16, blocks: 1, train: {ranks: 2}}
  - {name: sasrec, width: 12, inner_width: 24, blocks: 1, train: {epochs: 10}, start: {train: {epochs: 20}}}
  - popularity
optimizers: [{name: adam, lr: 0.003}]
seeds: [1, 2]
train: {batch_size: 16, epochs: EPOCHS, patience: 0, checkpoint_s: 0.2, threads: 1, device: cpu}
latency: {samples: 3, users: 30, warm_up: 5}
"""


class Sweep:
    """The sweep on one database, started as often as it takes."""

    def __init__(self, folder, name, options, database_folder=None):
        self.folder, self.options = folder, options
        self.database = (database_folder or folder) / f"{name}.db"
        self.log = folder / f"{name}.log"
        self.process, self.starts = None, 0

    def start(self):
        flags = ["--with-ft", "ulfm"] if self.options.ulfm else []
        command = ["mpirun", *flags, "-n", str(self.options.ranks), str(self.options.seqsweep), "sweep",
                   str(self.folder / "sweep.yaml"), "--db", str(self.database), "--lease", "6",
                   f"data_dir={self.folder / 'data'}"]
        self.starts += 1
        # A killed mpirun leaves its session folder, and the next one with its process id refuses to start.
        environment = {**os.environ, "TMPDIR": str(self.folder)}
        with open(self.log, "ab") as log:
            log.write(f"\n---- start {self.starts} ----\n".encode())
            log.flush()
            self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                                            start_new_session=True, env=environment)

    def wait_until_ready(self, seconds):
        """Before that MPI_Init is under way: it outlives no death, and signals have no handler yet."""
        deadline = time.monotonic() + seconds
        while self.running() and time.monotonic() < deadline:
            text = self.log.read_bytes().rsplit(b"---- start", 1)[-1]
            if text.count(b" is ready: ") >= self.options.ranks - 1:
                return
            time.sleep(0.05)

    def running(self):
        return self.process is not None and self.process.poll() is None

    def ranks(self, name="seqsweep"):
        """World rank -> process of that name, of this database."""
        found = {}
        for entry in pathlib.Path("/proc").iterdir():
            with contextlib.suppress(OSError, ValueError):
                pid = int(entry.name)
                command = (entry / "cmdline").read_bytes().split(b"\0")
                if not command[0].endswith(b"seqsweep") or str(self.database).encode() not in command:
                    continue
                if (entry / "comm").read_text().strip() != name:
                    continue
                for line in (entry / "environ").read_bytes().split(b"\0"):
                    if line.startswith(b"OMPI_COMM_WORLD_RANK="):
                        found[int(line.split(b"=")[1])] = pid
        return found

    def trainers(self):
        return self.ranks("seqsweep-train")

    def kill_all(self):
        with contextlib.suppress(OSError):
            os.killpg(self.process.pid, signal.SIGKILL)
        for pid in [*self.ranks().values(), *self.trainers().values()]:
            with contextlib.suppress(OSError):
                os.kill(pid, signal.SIGKILL)
        self.process.wait()

    def remove(self):
        for path in self.database.parent.glob(f"{self.database.name}*"):
            shutil.rmtree(path) if path.is_dir() else path.unlink()

    def wait(self, seconds):
        try:
            return self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            return None


def torment(sweep, rng, options, disk, fallen):
    """Faults, until all have fallen or all runs are done; how many there were by then, `fallen` before."""
    faults = Faults(sweep, rng, disk)
    while fallen < options.faults:
        if sweep.starts >= STARTS_MAX:
            raise SystemExit(f"torture: {STARTS_MAX} starts were not enough")
        if not sweep.running():
            if all_done(sweep.database):
                print(f"  all runs are done after {fallen} faults", flush=True)
                break
            retry_failed(sweep, options)
            sweep.start()
            sweep.wait_until_ready(60)
        time.sleep(rng.uniform(0.1, options.pause))
        if not sweep.running():
            continue
        fault = rng.choice(faults.kinds)
        what = fault()
        if what is None:
            continue
        fallen += 1
        print(f"  {fallen:3} {what}", flush=True)
        settle(sweep)
    return fallen


def settle(sweep):
    """Killed jobs are given time to go; one that neither works nor ends is ended here."""
    code = sweep.wait(0.3)
    if code is not None:
        deadline = time.monotonic() + 20
        while (sweep.ranks() or sweep.trainers()) and time.monotonic() < deadline:
            time.sleep(0.1)
        if left := {**sweep.ranks(), **sweep.trainers()}:
            raise SystemExit(f"torture: orphans are left after mpirun ended with {code}: {left}")


def all_done(database):
    if not database.exists():
        return False
    with contextlib.suppress(sqlite3.Error):
        with contextlib.closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True)) as connection:
            total, done = connection.execute("SELECT count(*), sum(status = 'done') FROM runs").fetchone()
            return total > 0 and total == done
    return False


def retry_failed(sweep, options):
    if sweep.database.exists():
        subprocess.run([str(options.seqsweep), "retry", str(sweep.database), "--failed"],
                       stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False)


def finish(sweep, options):
    """Undisturbed starts, until all is done."""
    for _ in range(6):
        if sweep.running():
            code = sweep.wait(options.timeout)
            if code is None:
                sweep.kill_all()
                raise SystemExit("torture: the sweep hangs")
            if code == 0:
                return
        retry_failed(sweep, options)
        sweep.start()
    raise SystemExit(f"torture: not done after six undisturbed starts; see {sweep.log}")


def rows(database, sql):
    with contextlib.closing(sqlite3.connect(database)) as connection:
        return connection.execute(sql).fetchall()


FIGURES = ("SELECT r.run_id, r.epochs, r.best_epoch, r.params, u.ranks, json_extract(r.config, '$.train.ranks'), "
           "(SELECT value FROM metrics AS m WHERE m.run = r.run_id AND m.split = 'test' AND m.name = 'ndcg@10' "
           " AND m.epoch = r.best_epoch) FROM runs AS r JOIN user_ranks AS u ON u.run = r.run_id "
           "WHERE r.status = 'done' ORDER BY r.run_id")


def complaints(torn, quiet):
    """Everything in which the tormented sweep differs from what it should be."""
    found = []
    if rows(torn, "PRAGMA integrity_check") != [("ok",)]:
        found.append("the database is damaged")
    for run, count in rows(torn, "SELECT r.run_id, count(a.run) FROM runs AS r LEFT JOIN attempts AS a "
                                 "ON a.run = r.run_id AND a.cause = 'done' GROUP BY r.run_id"):
        if count != 1:
            found.append(f"run {run} was done {count} times")
    ours, theirs = rows(torn, FIGURES), rows(quiet, FIGURES)
    if [row[0] for row in ours] != [row[0] for row in theirs]:
        return [*found, "not the same runs are done"]
    for mine, other in zip(ours, theirs):
        if mine[5] == 1 and mine != other:
            found.append(f"run {mine[0]} on one rank came to {mine[6]}, undisturbed to {other[6]}")
        if mine[5] > 1 and abs(mine[6] - other[6]) > 0.03:
            found.append(f"run {mine[0]} on {mine[5]} ranks came to {mine[6]}, undisturbed to {other[6]}")
    steps = "SELECT run, count(*), count(DISTINCT step) FROM steps GROUP BY run ORDER BY run"
    if rows(torn, steps) != rows(quiet, steps):
        found.append("the steps that were stored differ")
    return found


def torture(quiet, rng, options, disk):
    """Sweeps among faults, as many as that takes; what is wrong with the first that is not like `quiet`."""
    fallen, number = 0, 0
    while fallen < options.faults:
        number, before = number + 1, fallen
        torn = Sweep(quiet.folder, f"torn-{number}", options, disk)
        try:
            fallen = torment(torn, rng, options, disk, before)
            finish(torn, options)
            found = complaints(torn.database, quiet.database)
        except SystemExit as error:
            found = [str(error)]
        finally:
            if torn.process:
                torn.kill_all()
        attempts = rows(torn.database, "SELECT coalesce(cause, 'none'), count(*) FROM attempts GROUP BY 1 ORDER BY 1")
        print(f"{torn.starts} starts; attempts ended: " + ", ".join(f"{cause} {count}" for cause, count in attempts))
        if found or fallen == before:
            return found or ["the runs are too short for a single fault: --epochs"]
        torn.remove()  # The disk is small.
    return []


def parse():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--faults", type=int, default=50)
    parser.add_argument("--ranks", type=int, default=6, help="of mpirun, the coordinator too")
    parser.add_argument("--pause", type=float, default=2.5, help="most seconds between two faults")
    parser.add_argument("--epochs", type=int, default=120, help="more: longer runs")
    parser.add_argument("--timeout", type=float, default=600, help="of an undisturbed start")
    parser.add_argument("--seqsweep", type=pathlib.Path, default=ROOT / "build/bin/seqsweep")
    parser.add_argument("--no-ulfm", dest="ulfm", action="store_false", help="a dead rank ends the job")
    parser.add_argument("--keep", action="store_true", help="do not remove the folder")
    return parser.parse_args()


def main():
    options = parse()
    folder = pathlib.Path(tempfile.mkdtemp(prefix="seqsweep_torture_"))
    (folder / "sweep.yaml").write_text(SWEEP.replace("EPOCHS", str(options.epochs)))
    quiet = Sweep(folder, "quiet", options)
    quiet.start()
    if quiet.wait(options.timeout) != 0:
        quiet.kill_all()
        sys.exit(f"torture: the undisturbed sweep failed:\n{quiet.log.read_text()[-3000:]}")
    print(f"seed {options.seed}: {options.faults} faults in {folder}", flush=True)
    with small_disk(folder) as disk:
        found = torture(quiet, random.Random(options.seed), options, disk)
    for one in found:
        print(f"FAILED: {one}")
    if found:
        print(f"replay: tools/torture.py --seed {options.seed} --faults {options.faults}; logs in {folder}")
        sys.exit(1)
    if not options.keep:
        shutil.rmtree(folder, ignore_errors=True)
    print("every run is done once, with the figures of the undisturbed sweep")


if __name__ == "__main__":
    main()
