"""Files in, exit code and report out."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from pddl_texts import BLOCKS, THREE, TOWER

from iterdeploy.pddl import FileReport, files, validate_files

KEYS = {
    "valid",
    "validator",
    "fault",
    "reason",
    "file",
    "step",
    "action",
    "literal",
    "line",
    "column",
    "cost",
    "notes",
}


def judged(folder: Path, domain: str = BLOCKS, problem: str = THREE, plan: str | bytes = TOWER) -> FileReport:
    paths = [folder / name for name in ("domain.pddl", "problem.pddl", "plan.txt")]
    for path, text in zip(paths, (domain, problem, plan), strict=True):
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
    found = validate_files(paths[0], paths[1], paths[2])
    assert set(json.loads(json.dumps(found.report))) == KEYS
    return found


def test_a_valid_plan(tmp_path: Path) -> None:
    code, report = judged(tmp_path)
    assert code == 0
    assert (report["valid"], report["cost"], report["fault"], report["notes"]) == (True, 4, None, [])


@pytest.mark.parametrize(
    ("plan", "expected"),
    [
        ("; x\n(pick-up b)\n (pick-up a)", {"fault": "precondition", "step": 2, "action": "(pick-up a)",
         "literal": "(handempty)", "line": 3, "column": 2, "cost": 2}),
        ("1: (pick-up a)\n0: (stack a b)", {"fault": "precondition", "step": 1, "line": 2, "column": 4}),
        ("(pick-up b c)", {"fault": "arity", "step": 1, "line": 1, "literal": ""}),
        ("(pick-up b)", {"fault": "goal", "step": None, "line": None, "literal": "(on a b)", "cost": 1}),
        ("(pick-up b)\npick-up", {"fault": "syntax", "step": None, "line": 2, "column": 1, "cost": 0}),
    ],
)  # fmt: skip
def test_an_invalid_plan(tmp_path: Path, plan: str, expected: dict[str, Any]) -> None:
    code, report = judged(tmp_path, plan=plan)
    assert code == 1
    assert report["valid"] is False
    assert report["reason"]
    assert {key: report[key] for key in expected} == expected
    assert report["file"] == str(tmp_path / "plan.txt")


def test_a_wrong_domain_or_problem_is_bad_input_with_its_file(tmp_path: Path) -> None:
    code, report = judged(tmp_path, domain=BLOCKS.replace("(ontable ?x)", "(ontable ?z)"))
    assert (code, report["valid"], report["file"]) == (2, None, str(tmp_path / "domain.pddl"))
    assert (report["line"], report["column"]) == (5, 44)
    code, report = judged(tmp_path, problem=THREE[:-4])
    assert (code, report["file"]) == (2, str(tmp_path / "problem.pddl"))


def test_a_missing_file_is_bad_input(tmp_path: Path) -> None:
    code, report = validate_files(tmp_path / "none", tmp_path / "none", tmp_path / "none")
    assert code == 2
    assert report["reason"] == f"cannot read {tmp_path / 'none'}: No such file or directory"
    assert validate_files(tmp_path, tmp_path, tmp_path).exit_code == 2


def test_another_domains_name_is_noted(tmp_path: Path) -> None:
    code, report = judged(tmp_path, problem=THREE.replace(":domain blocks", ":domain bw"))
    assert code == 0
    assert report["notes"] == ["the problem names the domain 'bw', and this one is 'blocks'"]


def test_bytes_that_are_no_text_may_stand_in_comments_only(tmp_path: Path) -> None:
    assert judged(tmp_path, plan=b"; \xff\xfe\n" + TOWER.encode()).exit_code == 0
    assert judged(tmp_path, plan=b"(pick-up \xff)").report["fault"] == "unknown-object"


def test_a_failure_of_ours_is_no_verdict(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> None:
        raise RuntimeError("broken")

    monkeypatch.setattr(files, "validate", broken)
    code, report = judged(tmp_path)
    assert (code, report["valid"]) == (3, None)
    assert report["reason"] == "iterdeploy failed: RuntimeError: broken"
