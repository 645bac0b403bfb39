"""Try the bounds of pyproject.toml: an environment at the lowest or newest versions, and the tests of the real model.

python requirements/bounds.py lowest|newest [--torch VERSION] [--folder DIR] [--quick]

The environment is made in DIR (default .bounds/END) and kept, so that a second call tests at once; what was found is
printed as a row for docs/versions.md. `--torch` replaces torch's own bound where that version does not install.
"""

from __future__ import annotations

import argparse
import re
import subprocess
import sys
import time
import tomllib
import venv
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parent.parent
TESTS = (
    "tests/models/test_engine.py",
    "tests/train/test_adapters.py",
    "tests/train/test_fit.py",
    "tests/train/test_work.py",
)
MORE = (
    "tests/models/test_kernels.py", "tests/models/test_tokens.py", "tests/train/test_local.py",
    "tests/train/test_variants.py",
)  # fmt: skip
SHOWN = ("torch", "transformers", "peft", "tokenizers", "safetensors", "numpy", "huggingface_hub")


def main() -> None:
    """Make the environment, run the tests, print the row; exit 1 if a test fails."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("end", choices=("lowest", "newest"))
    parser.add_argument("--torch", metavar="VERSION", help="another version of torch than the bound's")
    parser.add_argument("--folder", type=Path, metavar="DIR", help="where the environment is made")
    parser.add_argument("--quick", action="store_true", help="leave the slow tests out")
    given = parser.parse_args()
    folder = given.folder or ROOT / ".bounds" / given.end
    python = folder / "bin" / "python"
    if not (folder / "done").exists():
        install(folder, python, given.end, given.torch)
    status, outcome = tested(python, given.quick)
    versions = found(python)
    cells = [
        given.end,
        *(versions.get(name, "") for name in SHOWN),
        outcome,
        time.strftime("%Y-%m-%d", time.gmtime()),
    ]
    print("| end | " + " | ".join(SHOWN) + " | tests | date |")
    print("| " + " | ".join(cells) + " |")
    sys.exit(status)


def wanted(end: str) -> Iterator[str]:
    """Our dependencies as pip is asked for them: at the bound itself, or without an upper limit."""
    for line in tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["dependencies"]:
        yield line.replace(">=", "==") if end == "lowest" else line


def install(folder: Path, python: Path, end: str, torch: str | None) -> None:
    """torch first and alone, for it decides what else is fetched; then the rest and the tools of the tests."""
    venv.create(folder, with_pip=True, clear=True)
    asked = list(wanted(end))
    (first,) = [f"torch=={torch}" if torch else line for line in asked if re.match(r"torch\b", line)]
    rest = [line for line in asked if not re.match(r"torch\b", line)]
    for names in ([first], [first, *rest, "pytest", "hypothesis"]):
        command = [str(python), "-m", "pip", "install", "--quiet", "--upgrade", *names]
        if subprocess.run(command, check=False).returncode:
            sys.exit(f"pip can't install these together: {' '.join(names)}")
    (folder / "done").touch()


def tested(python: Path, quick: bool) -> tuple[int, str]:
    """pytest's exit code and its last line."""
    files = TESTS if quick else (*TESTS, *MORE)
    which = "not slow" if quick else "slow or not slow"
    command = [str(python), "-m", "pytest", "-q", "-p", "no:cacheprovider", "-m", which, *files]
    environment = {"PYTHONPATH": str(ROOT / "src"), "OMP_NUM_THREADS": "1", "PATH": "/usr/bin:/bin"}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    print(done.stdout if done.returncode else "", end="")
    return done.returncode, (done.stdout.strip().splitlines() or [done.stderr.strip()[-200:]])[-1]


def found(python: Path) -> dict[str, str]:
    """Package and version, as they are installed there."""
    listed = subprocess.run(
        [str(python), "-m", "pip", "freeze", "--all"], capture_output=True, text=True, check=True
    )
    return dict(line.split("==", 1) for line in listed.stdout.splitlines() if "==" in line)


if __name__ == "__main__":
    main()
