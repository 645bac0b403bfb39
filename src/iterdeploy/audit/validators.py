"""Validators to be audited: ours, VAL by itself, VAL as a run uses it, a function, a program."""

from __future__ import annotations

import shlex
import subprocess
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from iterdeploy.audit.examine import Said, Validator
from iterdeploy.errors import BadInput, IterdeployError
from iterdeploy.pddl import PddlError, read_plan
from iterdeploy.pddl.judges import Judge, called, said_valid
from iterdeploy.pddl.val import ValError, ask_val_about_text

NAMES = ("pddl", "val", "val-strict")
"""Ours; VAL, given the plan text as it is; VAL as the validator of a run, behind our strict reading."""


def of_judge(judge: Judge) -> Validator:
    """A run's judge, with our strict reading of plan files before it."""

    def validator(domain: str, problem: str, plan: str) -> Said:
        try:
            return _said(judge.rule(domain, problem, read_plan(plan).actions).judgement.valid)
        except PddlError:
            return "invalid"
        except IterdeployError:
            return "nothing"

    return validator


def val_alone(domain: str, problem: str, plan: str) -> Said:
    """VAL on the plan as it is written; no more of ours than that its line "Plan valid" counts, not its exit code."""
    try:
        return _said(ask_val_about_text(domain, problem, plan).valid)
    except ValError:
        return "nothing"


def of_function(function: Callable[[str, str, str], Any], name: str) -> Validator:
    """A function that answers True, False, or an object with `valid`; what it raises is no answer."""

    def validator(domain: str, problem: str, plan: str) -> Said:
        try:
            found = called(function, name, domain, problem, plan)
            found = getattr(found, "valid", found)
        except Exception:  # the function is under audit: whatever it raises is its answer
            return "nothing"
        return _said(said_valid(found, name))

    return validator


def of_command(command: str, line: str = "", seconds: float = 60) -> Validator:
    """A program, by a command with {domain}, {problem} and {plan} for the files.

    Exit 0 means valid and 1 not valid, any other code or none within `seconds` no answer; or, with a `line`, the plan
    is valid where the program prints just this line, and not valid where it ends by itself without. Raises BadInput
    for a command without the three files.
    """
    for place in ("{domain}", "{problem}", "{plan}"):
        if place not in command:
            raise BadInput(
                f"the command {command!r} has no {place}; e.g. 'Validate {{domain}} {{problem}} {{plan}}'"
            )
    try:
        words = shlex.split(command)
    except ValueError as cause:
        raise BadInput(f"the command {command!r} cannot be taken apart into words: {cause}") from cause

    def validator(domain: str, problem: str, plan: str) -> Said:
        with TemporaryDirectory(prefix="audit-") as folder:
            texts = {"{domain}": domain, "{problem}": problem, "{plan}": plan}
            filled = list(words)
            for place, text in texts.items():
                path = Path(folder) / f"{place[1:-1]}.pddl"
                path.write_text(text, encoding="utf-8", newline="")
                filled = [word.replace(place, str(path)) for word in filled]
            return _run(filled, line, seconds)

    return validator


def _run(words: list[str], line: str, seconds: float) -> Said:
    try:
        done = subprocess.run(
            words, capture_output=True, timeout=seconds, check=False, stdin=subprocess.DEVNULL
        )
    except subprocess.TimeoutExpired:
        return "nothing"
    except OSError as error:
        raise BadInput(f"cannot run {words[0]!r}: {error.strerror or error}") from error
    if line:
        printed = done.stdout.decode("utf-8", "replace").splitlines()
        said_so = line in (text.strip() for text in printed)
        return "nothing" if done.returncode < 0 else _said(said_so)
    return _said(done.returncode == 0) if done.returncode in (0, 1) else "nothing"


def _said(valid: bool) -> Said:
    return "valid" if valid else "invalid"
