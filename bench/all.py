"""All benchmarks in one go: makes a demo run if there is none, then sampling, training, overhead, each in a process."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from finished import arguments

HERE = Path(__file__).parent
NAMES = ("sampling", "training", "overhead")


def main() -> None:
    """Run all; ends with the exit code of the first that fails."""
    given = arguments(__doc__.split("\n")[0]).parse_args()
    if not (given.run / "report.json").is_file():
        start("-m", "iterdeploy.cli", "run", "demo", "--out", str(given.run))
    for name in NAMES:
        print(f"== {name}", flush=True)
        flag = () if name == "overhead" else ("--run",)
        start(str(HERE / f"{name}.py"), *flag, str(given.run))


def start(*command: str) -> None:
    """A Python process on one thread; ends this one too if it fails."""
    done = subprocess.run([sys.executable, *command], env={**os.environ, "OMP_NUM_THREADS": "1"}, check=False)
    if done.returncode:
        raise SystemExit(done.returncode)


if __name__ == "__main__":
    main()
