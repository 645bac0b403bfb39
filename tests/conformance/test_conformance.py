"""Our verdict on each conformance case: what three validators agree on, and a stated rule elsewhere."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from iterdeploy.pddl import validate_files

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
BEYOND = {  # what we do not read, and refuse by name instead of judging
    "s17-numeric-ok": ":numeric-fluents",
    "s17c-numeric-goal": ":numeric-fluents",
}


def _expected(case: dict[str, Any]) -> str:
    if case["id"] in BEYOND:
        return "error"
    return RULED[case["id"]] if case["expected"] == "?" else case["expected"].rstrip("?")


@pytest.mark.parametrize("case", CASES, ids=[case["id"] for case in CASES])
def test_verdict_is_the_settled_one(case: dict[str, Any]) -> None:
    folder = HERE / case["id"]
    code, report = validate_files(*(folder / name for name in ("domain.pddl", "problem.pddl", "plan.txt")))
    assert code == CODES[_expected(case)], report
    assert (report["reason"] == "") == (code == 0)
    assert (report["fault"] is not None) == (code == 1)
    assert BEYOND.get(case["id"], "") in report["reason"]


def test_every_open_case_has_a_rule() -> None:
    assert set(RULED) == {case["id"] for case in CASES if case["expected"] == "?"}


def _all_say_valid(case: dict[str, Any]) -> bool:
    return {case["val"], case["inval"], case["kairos"]} == {"VALID"}


def test_where_all_three_say_valid_so_do_we_but_for_ill_formed_problems() -> None:
    ours = {case["id"] for case in CASES if _all_say_valid(case) and _expected(case) != "valid"}
    assert ours == {"s23-init-unknown-pred", "s25-init-arity", *BEYOND}
