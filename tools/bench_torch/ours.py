"""Our side of a comparison in turns. Needs no package."""

import subprocess
from pathlib import Path

MODELS_PROGRAM = Path(__file__).resolve().parents[2] / "build" / "bin" / "bench_models"


class Ours:
    """A program of build/bin that serves works (tools/bench/serve.h) as a process: does one at a time and tells its
    seconds, of `times` the mean. One that ended is started again. `environment`: this process's unless given."""

    def __init__(self, program, threads, device="cpu", times=1, environment=None):
        self.command = [str(program), str(threads), device, str(times)]
        self.environment = environment
        self.process = None

    def seconds(self, work):
        if self.process is None:
            self.process = subprocess.Popen(self.command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
                                            env=self.environment)
        print(work, file=self.process.stdin, flush=True)
        line = self.process.stdout.readline()
        if not line:
            code, self.process = self.process.wait(), None
            raise RuntimeError(f"{self.command[0]} ended with {code}")  # It told why on standard error.
        return float(line)
