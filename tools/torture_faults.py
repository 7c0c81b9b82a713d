"""What tools/torture.py does to a sweep: the faults, and the small disk on which one of them falls."""

import contextlib
import os
import pathlib
import signal
import sqlite3
import subprocess
import time


def kill(pid, number):
    with contextlib.suppress(OSError):
        os.kill(pid, number)


class Faults:
    """Each method is a fault; it returns what it did, or None when there was nothing to do it to."""

    def __init__(self, sweep, rng, disk):
        self.sweep, self.rng, self.disk = sweep, rng, disk
        self.kinds = [self.kill_worker, self.kill_worker, self.kill_trainer, self.kill_trainer, self.hang_trainer,
                      self.kill_coordinator, self.kill_mpirun, self.kill_job, self.hang_worker, self.drain,
                      self.truncate, self.flip, self.lock, self.read]
        if disk:
            self.kinds.append(self.fill_disk)

    def worker(self):
        ranks = self.sweep.ranks()
        ranks.pop(0, None)
        return self.rng.choice(sorted(ranks.items())) if ranks else (None, None)

    def trainer(self):
        trainers = self.sweep.trainers()
        return self.rng.choice(sorted(trainers.items())) if trainers else (None, None)

    @staticmethod
    def send(number, rank_and_pid, whom):
        rank, pid = rank_and_pid
        if pid is None:
            return None
        kill(pid, number)
        return f"{number.name} to {whom.format(rank)}"

    def kill_worker(self):
        return self.send(signal.SIGKILL, self.worker(), "rank {}")

    def kill_trainer(self):
        return self.send(signal.SIGKILL, self.trainer(), "the trainer of rank {}")

    def hang_trainer(self):
        return self.send(signal.SIGSTOP, self.trainer(), "the trainer of rank {}")

    def kill_coordinator(self):
        return self.send(signal.SIGKILL, (0, self.sweep.ranks().get(0)), "the coordinator")

    def kill_mpirun(self):
        kill(self.sweep.process.pid, signal.SIGKILL)
        return "SIGKILL to mpirun alone"

    def kill_job(self):
        self.sweep.kill_all()
        return "SIGKILL to all processes"

    def hang_worker(self):
        rank, pid = self.worker()
        if pid is None:
            return None
        kill(pid, signal.SIGSTOP)
        if self.rng.random() < 0.5:
            time.sleep(self.rng.uniform(0.5, 8))
            kill(pid, signal.SIGCONT)
            return f"SIGSTOP to rank {rank}, SIGCONT later"
        return f"SIGSTOP to rank {rank}"

    def drain(self):
        kill(self.sweep.process.pid, signal.SIGUSR1)
        return "SIGUSR1 to mpirun"

    def checkpoint(self):
        files = sorted(path for path in pathlib.Path(f"{self.sweep.database}.runs").glob("*/checkpoints/**/*")
                       if path.is_file())
        return self.rng.choice(files) if files else None

    def truncate(self):
        path = self.checkpoint()
        if path is None:
            return None
        with contextlib.suppress(OSError):
            size = path.stat().st_size
            os.truncate(path, self.rng.randrange(size + 1))
            return f"truncated {path.parent.parent.name}/{path.name}"
        return None

    def flip(self):
        path = self.checkpoint()
        if path is None:
            return None
        with contextlib.suppress(OSError, ValueError):
            with open(path, "r+b") as file:
                at = self.rng.randrange(path.stat().st_size)
                file.seek(at)
                byte = file.read(1)[0] ^ (1 << self.rng.randrange(8))
                file.seek(at)
                file.write(bytes([byte]))
            return f"flipped a bit of {path.parent.parent.name}/{path.name}"
        return None

    def lock(self):
        return self.transaction("BEGIN EXCLUSIVE", "an exclusive lock")

    def read(self):
        return self.transaction("BEGIN; SELECT count(*) FROM steps", "a reader")

    def transaction(self, sql, what):
        seconds = self.rng.uniform(0.5, 4)
        with contextlib.suppress(sqlite3.Error):
            database = sqlite3.connect(self.sweep.database, timeout=1, isolation_level=None)
            try:
                for statement in sql.split(";"):
                    database.execute(statement).fetchall()
                time.sleep(seconds)
            finally:
                database.close()
            return f"{what} for {seconds:.1f} s"
        return None

    def fill_disk(self):
        ballast = self.disk / "ballast"
        with contextlib.suppress(OSError), open(ballast, "wb") as file:
            while True:
                file.write(bytes(1 << 16))
                file.flush()
        time.sleep(self.rng.uniform(0.5, 3))
        with contextlib.suppress(OSError):
            ballast.unlink()
        return "a full disk for a while"


@contextlib.contextmanager
def small_disk(folder):
    """A tmpfs of 48 MiB, or None where it cannot be mounted."""
    disk = folder / "disk"
    disk.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=48m", "tmpfs", str(disk)],
                             stderr=subprocess.DEVNULL, check=False).returncode == 0
    try:
        yield disk if mounted else None
    finally:
        if mounted:
            subprocess.run(["umount", "-l", str(disk)], check=False)
