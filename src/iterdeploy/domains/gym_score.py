"""A data set's own scorer, asked about text that a model wrote.

Some scorers of reasoning-gym hand the answer to Python's `eval` or to sympy's `parse_expr`, which evaluates it too, and
some take time that grows fast with the numbers in it. So an answer to the first kind must be made of what such answers
are made of, and no scorer sees anything but the shortest answers in this process: it is asked in a child, with limits.
"""

from __future__ import annotations

import os
import re
import resource
import select
import signal
import struct
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from iterdeploy.types import Fault

LISTS = ("binary_matrix", "n_queens", "spiral_matrix", "string_insertion")
"""Data sets whose scorer evaluates an answer that begins like a list."""

FORMULAS = (
    "countdown", "intermediate_integration", "polynomial_multiplication", "puzzle24", "simple_integration",
)  # fmt: skip
"""Data sets whose scorer hands the answer to sympy's parser, which evaluates it."""

TRUTHY = ("game_of_life_halting",)
"""Data sets whose scorer accepts any text at all, by Python's truth of a string: judged by their reference instead."""

SECONDS = 5  # of the processor, for one score
PATIENCE = 60.0  # seconds of the clock, so that a busy machine moves no verdict
MEMORY = 2**30  # bytes beyond what this process has

_LIST = re.compile(r"[\w\s\[\],.'\"-]*")  # no call, no operator: such an expression computes nothing
_FORMULA = re.compile(r"[\dA-Za-z\s.,+*/^()=−-]*", re.ASCII)  # no quote, no bracket, no underscore
_MEMBER = re.compile(r"\.\s*[A-Za-z]")
_FUNCTIONS = frozenset(
    (
        "sin",
        "cos",
        "tan",
        "sec",
        "csc",
        "cot",
        "asin",
        "acos",
        "atan",
        "sinh",
        "cosh",
        "tanh",
        "exp",
        "log",
        "ln",
        "sqrt",
    )
)
_SHORT = re.compile(r"-?[0-9]{1,9}(?:\.[0-9]{1,6})?|[A-Za-z ]{0,20}")  # cannot call, nor name a huge number


@dataclass(frozen=True, slots=True)
class Score:
    """What an answer is worth from 0 to 1; a fault where no scorer was asked, or it came to no end."""

    score: float
    fault: Fault | None = None
    reason: str = ""


def score(name: str, dataset: Any, entry: dict[str, Any], answer: str) -> Score:
    """The score of an answer; an exception of the scorer counts as 0, for it is what odd text may cause."""
    names = {name, str(entry.get("metadata", {}).get("source_dataset", ""))}  # two, of a mixture
    if refused := unsafe(names, answer):
        return Score(0.0, Fault.SYNTAX, refused)
    if names.intersection(TRUTHY):
        return Score(float(answer.casefold() == str(entry["answer"]).casefold()))
    own = type(dataset).score_answer is not _base().score_answer
    if answer == entry.get("answer") or not own or _SHORT.fullmatch(answer):
        return Score(_asked(dataset, entry, answer))
    return _apart(dataset, entry, answer)


def unsafe(names: Iterable[str], answer: str) -> str:
    """Why the scorer of a data set of these names must not see the answer; empty if it may."""
    if set(LISTS).intersection(names) and not (_LIST.fullmatch(answer) and "__" not in answer):
        return "an answer here is made of words, numbers, commas and brackets"
    if set(FORMULAS).intersection(names):
        words = re.findall(r"[A-Za-z]+", answer)
        strange = [word for word in words if len(word) > 1 and word not in _FUNCTIONS]
        if strange or not _FORMULA.fullmatch(answer) or _MEMBER.search(answer):
            return f"no formula of numbers, letters and functions{f': {strange[0][:30]}' if strange else ''}"
    return ""


def _base() -> Any:
    from reasoning_gym.dataset import ProceduralDataset

    return ProceduralDataset


def _asked(dataset: Any, entry: dict[str, Any], answer: str) -> float:
    try:
        found = float(dataset.score_answer(answer, entry))
    except Exception:  # whatever a scorer of theirs makes of odd text
        return 0.0
    return found if 0 <= found <= 1 else 0.0


def _apart(dataset: Any, entry: dict[str, Any], answer: str) -> Score:
    """As `_asked`, in a child that may take so much time and memory and writes nothing but a number."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            _limit()
            os.write(writing, struct.pack("d", _asked(dataset, entry, answer)))
        finally:
            os._exit(0)
    os.close(writing)
    try:
        ready, _, _ = select.select([reading], [], [], PATIENCE)
        data = os.read(reading, 8) if ready else b""
    finally:
        os.close(reading)
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
    if len(data) == 8:
        return Score(float(struct.unpack("d", data)[0]))
    return Score(0.0, Fault.TIMEOUT, "the scorer came to no end within its time and memory")


def _limit() -> None:
    pages = Path("/proc/self/statm")
    if pages.exists():
        held = int(pages.read_text().split()[0]) * resource.getpagesize()
        resource.setrlimit(resource.RLIMIT_AS, (held + MEMORY, held + MEMORY))
    resource.setrlimit(resource.RLIMIT_CPU, (SECONDS, SECONDS))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
