"""Try the bounds of pyproject.toml: an environment at the lowest or newest versions, and short tests of the real model.

python requirements/bounds.py lowest|newest [--torch VERSION] [--folder DIR]

The environment is made in DIR (default .bounds/END) and kept, so that a second call is quick. What was found replaces
the row of that end in docs/versions.md. `--torch` stands in for torch's own bound where that version does not install.
"""

from __future__ import annotations

import argparse
import os
import platform
import re
import subprocess
import sys
import time
import tomllib
import venv
from pathlib import Path

ROOT = Path(__file__).parent.parent
PAGE = ROOT / "docs" / "versions.md"
TABLE = re.compile(r"(?<=<!-- bounds -->\n).*?(?=<!-- /bounds -->)", re.DOTALL)
TESTS = (
    "tests/models/test_engine.py",
    "tests/models/test_models_chat.py",
    "tests/train/test_adapters.py",
    "tests/train/test_fit.py",
    "tests/train/test_work.py",
    "tests/train/test_local.py",  # whole runs of a tiny model
    "tests/train/test_local_chat.py",
)
"""Engine, chat, adapters, fit and the loop, without what is marked slow: about a minute of one core."""

SHOWN = (
    "torch", "transformers", "peft", "tokenizers", "safetensors", "numpy", "huggingface_hub", "msgspec", "rich",
    "matplotlib",
)  # fmt: skip


def main() -> None:
    """Make the environment, run the tests, write the row; exit 1 if a test fails."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("end", choices=("lowest", "newest"))
    parser.add_argument("--torch", metavar="VERSION", help="another version of torch than the bound's")
    parser.add_argument("--folder", type=Path, metavar="DIR", help="where the environment is made")
    given = parser.parse_args()
    folder = (given.folder or ROOT / ".bounds" / given.end).absolute()
    python = folder / "bin" / "python"
    if not python.exists():
        venv.create(folder, with_pip=True)
    install(python, given.end, given.torch)
    status, outcome = tested(python)
    row = [
        given.end,
        *versions(python),
        platform.python_version(),
        outcome,
        time.strftime("%Y-%m-%d", time.gmtime()),
    ]
    PAGE.write_text(TABLE.sub(lambda old: table(old[0], row), PAGE.read_text()))
    print("\n".join(f"{name:16} {cell}" for name, cell in zip(heads(), row, strict=True)))
    sys.exit(status)


def install(python: Path, end: str, torch: str | None) -> None:
    """torch first and alone, for it decides what else is fetched; then the rest and the tools of the tests."""
    declared = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["dependencies"]
    asked = [line.replace(">=", "==") if end == "lowest" else line for line in declared]
    if torch:
        asked = [f"torch=={torch}" if re.match(r"torch\b", line) else line for line in asked]
    first = [line for line in asked if re.match(r"torch\b", line)]
    for names in (first, [*asked, "pytest", "hypothesis"]):
        command = [str(python), "-m", "pip", "install", "--quiet", "--upgrade", *names]
        if subprocess.run(command, check=False).returncode:
            sys.exit(f"pip can't install these together: {' '.join(names)}")


def tested(python: Path) -> tuple[int, str]:
    """pytest's exit code, and its last line without the time."""
    command = [str(python), "-m", "pytest", "-q", "-p", "no:cacheprovider", "-m", "not slow", *TESTS]
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "src"), "OMP_NUM_THREADS": "1"}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        print(done.stdout, done.stderr, sep="\n")
    lines = done.stdout.strip().splitlines() or [f"pytest did not start, exit code {done.returncode}"]
    return done.returncode, re.sub(r" in [\d.]+s.*|=", "", lines[-1]).strip()


def versions(python: Path) -> list[str]:
    """Of the packages in SHOWN, as they are installed there."""
    code = "import importlib.metadata as m, sys; print(*map(m.version, sys.argv[1:]), sep='\\n')"
    command = [str(python), "-c", code, *SHOWN]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()


def heads() -> list[str]:
    """The table's first row."""
    return ["end", *SHOWN, "Python", "tests", "date"]


def table(old: str, row: list[str]) -> str:
    """The table with the row of this end put in; the other end's row stays."""
    kept = [line for line in old.splitlines() if line.startswith(("| lowest", "| newest"))]
    lines = [line for line in kept if not line.startswith(f"| {row[0]} ")] + [f"| {' | '.join(row)} |"]
    return "\n".join([f"| {' | '.join(heads())} |", "|---" * len(row) + "|", *sorted(lines), ""])


if __name__ == "__main__":
    main()
