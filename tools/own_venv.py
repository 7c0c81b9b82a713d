"""Virtual environments of the benchmark scripts, one for each set of packages they compare with."""

import os
import subprocess
import sys
from pathlib import Path


def enter_venv(venv: Path, requirements: list[str], alone: list[str] = ()) -> None:
    """The script that calls it goes on in the virtual environment, which is made first when it is
    missing; `alone` are packages to install without what they ask for."""
    if Path(sys.prefix).resolve() == venv.resolve():
        return
    script = Path(sys.argv[0])
    python = venv / "bin" / "python"
    ready = venv / f"{script.stem.removeprefix('bench_')}-ready"  # Written last: an interrupted installation starts again.
    if not ready.exists():
        print(f"setting up {venv} (once)", file=sys.stderr, flush=True)
        subprocess.run([sys.executable, "-m", "venv", venv], check=True)
        pip = [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        subprocess.run([*pip, *requirements], check=True)
        if alone:
            subprocess.run([*pip, "--no-deps", *alone], check=True)
        ready.touch()
    os.execv(python, [str(python), str(script), *sys.argv[1:]])
