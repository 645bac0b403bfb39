"""Our verdict on each conformance case: what three validators agree on, and a stated rule elsewhere."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from iterdeploy.pddl import FileReport, validate_files
from iterdeploy.pddl.judges import Judge, ValJudge
from iterdeploy.pddl.val import find_val

HERE = Path(__file__).parent
CASES: list[dict[str, Any]] = json.loads((HERE / "cases.json").read_text(encoding="utf-8"))
CODES = {"valid": 0, "invalid": 1, "error": 2}

RULED = {
    # Durations are read and do not matter; stamped actions are put in the order of time; none may share one.
    "p16-timestamps-float-dur": "valid",
    "p17-timestamps-out-of-order": "valid",
    "p18-timestamps-equal": "invalid",
    # A carriage return alone ends a line, and an action may go over several.
    "p23b-cr-only": "valid",
    # A plan file holds actions in parentheses, comments, white space; anything else is its fault.
    "p25c-nul": "invalid",
    "p28-noparens": "invalid",
    "p30-funcstyle": "invalid",
    "p33-prose-before": "invalid",
    "p36-trailing-prose": "invalid",
    "p37-nested-parens": "invalid",
    "p38-plan-end": "invalid",
    "p45-noop-brackets": "invalid",
    # Costs never decide.
    "s15-cost-noinit": "valid",
    # The domain's name in the problem is noted, not compared.
    "s27-domain-name-mismatch": "valid",
    # Names may begin with a digit, hold dots, and be words of PDDL where no such word can stand.
    "s33-name-digit": "valid",
    "s33d-name-dot": "valid",
    "s33e-keyword-name": "valid",
    "s33f-keyword-name2": "valid",
    "s33g-keyword-pred": "valid",
    # The same declaration may stand twice.
    "s40-dup-pred": "valid",
}
BEYOND = {  # what we do not read: handed to VAL where that is installed, else refused by name
    "s17-numeric-ok": ":numeric-fluents",
    "s17c-numeric-goal": ":numeric-fluents",
}


def _expected(case: dict[str, Any]) -> str:
    return RULED[case["id"]] if case["expected"] == "?" else case["expected"].rstrip("?")


def _judged(case: dict[str, Any], judge: Judge | None = None) -> FileReport:
    folder = HERE / case["id"]
    return validate_files(folder / "domain.pddl", folder / "problem.pddl", folder / "plan.txt", judge)


@pytest.mark.parametrize(
    "case", [case for case in CASES if case["id"] not in BEYOND], ids=lambda case: str(case["id"])
)
def test_verdict_is_the_settled_one(case: dict[str, Any]) -> None:
    code, report = _judged(case)
    assert code == CODES[_expected(case)], report
    assert report["validator"] == (None if code == 2 else "pddl")
    assert (report["reason"] == "") == (code == 0)
    assert (report["fault"] is not None) == (code == 1)


needs_val = pytest.mark.skipif(find_val() is None, reason="VAL is not installed")
beyond = pytest.mark.parametrize(
    "case", [case for case in CASES if case["id"] in BEYOND], ids=lambda c: str(c["id"])
)


@needs_val
@beyond
def test_what_we_do_not_read_is_judged_by_val_and_the_report_says_so(case: dict[str, Any]) -> None:
    code, report = _judged(case)
    assert code == CODES[_expected(case)], report
    assert report["validator"] == "val"
    assert "judged by VAL" in report["notes"][0]
    assert BEYOND[case["id"]] in report["notes"][0]


@beyond
def test_without_val_what_we_do_not_read_is_refused_by_name(
    case: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("iterdeploy.pddl.files.find_val", lambda: None)
    code, report = _judged(case)
    assert (code, report["valid"], report["validator"]) == (2, None, None)
    assert BEYOND[case["id"]] in report["reason"]
    assert "VAL may read it" in report["reason"]
    assert report["line"]


@needs_val
@pytest.mark.parametrize("case", CASES, ids=lambda case: str(case["id"]))
def test_val_as_a_run_uses_it_is_right_where_it_answers(case: dict[str, Any]) -> None:
    """Behind the strict reading; what it then cannot read, or crashes on, is no verdict."""
    code, report = _judged(case, ValJudge())
    if _expected(case) != "error" and code in (0, 1):
        assert code == CODES[_expected(case)], report


def test_every_open_case_has_a_rule() -> None:
    assert set(RULED) == {case["id"] for case in CASES if case["expected"] == "?"}


def _all_say_valid(case: dict[str, Any]) -> bool:
    return {case["val"], case["inval"], case["kairos"]} == {"VALID"}


def test_where_all_three_say_valid_so_do_we_but_for_ill_formed_problems() -> None:
    ours = {case["id"] for case in CASES if _all_say_valid(case) and _expected(case) != "valid"}
    assert ours == {"s23-init-unknown-pred", "s25-init-arity"}
