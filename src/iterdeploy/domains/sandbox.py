"""A program that a model wrote, run where it can reach nothing: no network, no files, no processes, little time.

bubblewrap gives the program namespaces of its own (no network, an empty root with Python's own library to read); inside
of them the runner sets limits and then a seccomp filter that lets through what computing needs and refuses all other
system calls, among them those that open files, make processes or sockets. The program gets inputs and gives back
values: what is expected is never in the sandbox, and the values are judged outside, so there is nothing to overwrite
or to forge. Where any of this does not hold, `open_sandbox` raises BadInput; no program is ever run in a plain process
instead.
"""

from __future__ import annotations

import json
import os
import platform
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files
from pathlib import Path
from typing import Any

from iterdeploy.errors import BadInput

SECONDS = 1  # of the processor, for one program and all its inputs
PATIENCE = 30.0  # seconds of the clock; only a program that sleeps or a machine that stands still comes here
MEMORY = 256 * 2**20  # bytes of addresses
OUTPUT = 256 * 1024  # bytes that a program may write

Values = list[Any] | None
"""What a program returned for each input; an input on which it failed has None."""

PROBES = {
    "open a file": "def f(x):\n    return len(open('/usr/bin/env', 'rb').read(1))",
    "write a file": "import os\ndef f(x):\n    return os.open('/tmp/x', os.O_CREAT | os.O_WRONLY)",
    "list the root": "import os\ndef f(x):\n    return len(os.listdir('/'))",
    "make a process": "import os\ndef f(x):\n    return os.fork()",
    "start a program": "import os\ndef f(x):\n    os.execv('/usr/bin/env', ['env'])",
    "make a socket": "import _socket\ndef f(x):\n    return _socket.socket().fileno()",
    "take memory": f"def f(x):\n    return len(bytearray({4 * MEMORY}))",
    "write without end": "import os\ndef f(x):\n    while True:\n        os.write(1, b'x' * 4096)",
    "run without end": "def f(x):\n    while True:\n        pass",
}
"""What is tried in the sandbox before it is trusted: each must fail."""


@dataclass(frozen=True, slots=True)
class Sandbox:
    """A way to run programs that held against PROBES."""

    command: tuple[str, ...]

    def values(self, source: str, inputs: list[Any]) -> Values:
        """What the function `f` of a program returns for each input; None if the program came to no end.

        Values are what JSON can say, tuples as lists. What a program prints makes its answer unreadable: None too.
        """
        asked = json.dumps({"source": source, "inputs": inputs})
        with tempfile.TemporaryFile() as written:
            try:
                subprocess.run(
                    self.command, input=asked.encode(), stdout=written, stderr=subprocess.DEVNULL,
                    timeout=PATIENCE, env={}, close_fds=True, check=False,
                )  # fmt: skip
            except subprocess.TimeoutExpired:
                return None
            written.seek(0)
            data = written.read(OUTPUT + 1)
        try:
            found = json.loads(data) if len(data) <= OUTPUT else None
        except (ValueError, RecursionError):
            return None
        return found if isinstance(found, list) and len(found) == len(inputs) else None


@lru_cache(maxsize=1)
def open_sandbox() -> Sandbox:
    """The sandbox, after it held against PROBES. Raises BadInput with what is missing or did not hold."""
    bwrap = shutil.which("bwrap")
    if bwrap is None:
        raise _refused(
            "bubblewrap is not installed (its program is bwrap; Debian: apt-get install bubblewrap)"
        )
    if platform.machine() not in ("x86_64", "aarch64") or sys.platform != "linux":
        raise _refused(
            f"its filter of system calls is for Linux on x86_64 or aarch64, not {platform.machine()}"
        )
    sandbox = Sandbox(_command(bwrap))
    if sandbox.values("def f(x):\n    return sorted(x)", [[2, 1]]) != [[1, 2]]:
        raise _refused(f"{bwrap} does not run here: {_complaint(sandbox)}")
    for what, source in PROBES.items():
        if sandbox.values(source, [[1]]) not in (None, [None]):
            raise _refused(f"a program in it could {what}")
    return sandbox


def _refused(why: str) -> BadInput:
    return BadInput(
        f"programs of a model run in a sandbox only, and there is none: {why}; nothing was run without it"
    )


def _complaint(sandbox: Sandbox) -> str:
    asked = json.dumps({"source": "def f(x):\n    return x", "inputs": [1]})
    done = subprocess.run(
        sandbox.command, input=asked, capture_output=True, text=True, timeout=PATIENCE, check=False
    )
    said = done.stderr.strip().splitlines()
    return said[-1][:300] if said else f"it ended with status {done.returncode} and said nothing"


def _command(bwrap: str) -> tuple[str, ...]:
    """bubblewrap, Python and the runner; before the lock only Python's library and the system's are seen."""
    python = Path(os.path.realpath(sys.executable))
    home = Path(os.path.realpath(sys.base_prefix))
    seen = [home] if Path("/usr") not in (home, *home.parents) else []
    binds = [part for path in (Path("/usr"), *seen) for part in ("--ro-bind", str(path), str(path))]
    for name in ("lib", "lib64", "lib32"):
        path = Path("/") / name
        if path.is_symlink():
            binds += ["--symlink", os.readlink(path), str(path)]
        elif path.is_dir():
            binds += ["--ro-bind", str(path), str(path)]
    isolated = ("--unshare-all", "--unshare-user", "--disable-userns", "--die-with-parent", "--new-session")
    lowly = ("--cap-drop", "ALL", "--uid", "65534", "--gid", "65534", "--clearenv", "--chdir", "/")
    runner = files("iterdeploy.domains").joinpath("sandbox_runner.py").read_text(encoding="utf-8")
    limits = (str(SECONDS), str(MEMORY), str(OUTPUT))
    return (bwrap, *isolated, *lowly, *binds, "--", str(python), "-I", "-S", "-B", "-c", runner, *limits)
