"""Whatever the text: an answer or a PddlError, never another exception."""

from __future__ import annotations

import random
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pddl_texts import BLOCKS, THREE, TOWER, plan

from iterdeploy.audit.mutations import LAYOUTS, steps_of, written
from iterdeploy.pddl import (
    ALL_RULES,
    Action,
    PddlError,
    extract,
    parse_domain,
    parse_problem,
    read_plan,
    validate,
    validate_files,
)
from iterdeploy.pddl.lexer import clean, fold, is_name
from iterdeploy.pddl.outline import outline_of_domain, outline_of_problem
from iterdeploy.types import Fault

QUICK = settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
WORDS = (
    "( ) ; - ?x define domain :action :init and not when a b pick-up <plan> </plan> <think> </think> ``` 1. , :"
    " wait {0} [ 1: ** either forall = <eos>"
)
PIECES = st.sampled_from(
    [*WORDS.split(), " ", "\n", "\r", "- ", "\u212a", "\x00", "\ufeff", "(pick-up a)", "(on a b)"]
)
MANY = st.lists(PIECES, max_size=25)
NOISE = st.one_of(st.text(max_size=80), MANY.map(" ".join), MANY.map("".join))


def mutated(text: str) -> st.SearchStrategy[str]:
    """The text with one stretch of it replaced by something else."""
    ends = st.integers(0, len(text))
    return st.builds(lambda i, j, new: text[: min(i, j)] + new + text[max(i, j) :], ends, ends, NOISE)


@QUICK
@given(st.one_of(NOISE, mutated(BLOCKS)))
def test_any_domain_is_read_or_refused(text: str) -> None:
    with suppress(PddlError):
        parse_domain(text)


@QUICK
@given(st.one_of(NOISE, mutated(THREE)))
def test_any_problem_is_read_or_refused(text: str) -> None:
    try:
        problem = parse_problem(text, parse_domain(BLOCKS))
    except PddlError as error:
        assert 1 <= error.line <= len(text) + 1  # noqa: PT017
    else:
        assert validate(parse_domain(BLOCKS), problem, plan("pick-up b")).cost == 1


@QUICK
@given(st.one_of(NOISE, mutated(TOWER)))
def test_any_plan_file_is_read_or_refused_and_what_is_read_can_be_written(text: str) -> None:
    with suppress(PddlError):
        read = read_plan(text)
        assert read_plan("\n".join(map(str, read.actions))).actions == read.actions
        for step in range(1, len(read.actions) + 1):
            assert read.place(step)[0] >= 1


@QUICK
@given(NOISE, st.sets(st.sampled_from(ALL_RULES)))
def test_any_answer_gives_actions_or_a_fault(text: str, rules: set[str]) -> None:
    found = extract(text, parse_domain(BLOCKS), sorted(rules))
    assert (found.fault is None) == (found.reason == "")
    assert found.fault in (None, Fault.NO_PLAN, Fault.AMBIGUOUS, Fault.SYNTAX)
    assert found.fault is None or not found.actions
    assert set(found.used) <= rules
    assert extract(text, parse_domain(BLOCKS), sorted(rules)) == found


NAMES = st.one_of(st.sampled_from(["a", "b", "c", "A", "d", "{0}", "a\nb", "pick-up"]), st.text(max_size=5))
STEPS = st.lists(
    st.builds(
        lambda name, args: Action(name, tuple(args)),
        st.one_of(st.sampled_from(["pick-up", "put-down", "stack", "unstack"]), NAMES),
        st.lists(NAMES, max_size=3),
    ),
    max_size=6,
)


@QUICK
@given(STEPS)
def test_any_plan_is_judged(steps: list[Action]) -> None:
    read = parse_domain(BLOCKS)
    judged = validate(read, parse_problem(THREE, read), steps)
    assert judged.valid == (judged.fault is None) == (judged.reason == "")
    assert judged.cost == len(steps)


@QUICK
@given(STEPS, st.integers(0, 2**32))
def test_layout_and_case_do_not_move_a_verdict(steps: list[Action], seed: int) -> None:
    rng = random.Random(seed)
    read = parse_domain(BLOCKS)
    three = parse_problem(THREE, read)
    named = [step for step in steps if all(map(is_name, (fold(step.name), *map(fold, step.args))))]
    plain = validate(read, three, named)
    lines = written(steps_of(named))
    for layout in LAYOUTS.values():
        again = validate(read, three, read_plan(layout(lines, rng)).actions)
        assert (again.valid, again.fault, again.step) == (plain.valid, plain.fault, plain.step)


@QUICK
@given(st.one_of(NOISE, mutated(BLOCKS)), st.one_of(NOISE, mutated(THREE)))
def test_an_outline_is_read_wherever_the_whole_is(domain: str, problem: str) -> None:
    try:
        outline = outline_of_domain(domain)
        found = outline_of_problem(problem, outline)
    except PddlError:
        with pytest.raises(PddlError):
            parse_problem(problem, parse_domain(domain))
    else:
        assert validate(outline, found, ()).valid


@QUICK
@given(st.one_of(NOISE, mutated(TOWER)))
def test_any_file_gets_an_exit_code_and_a_report_of_the_same_keys(text: str) -> None:
    with TemporaryDirectory() as folder:
        paths = [Path(folder) / name for name in ("d", "p", "x")]
        for path, said in zip(paths, (BLOCKS, THREE, text), strict=True):
            path.write_text(said, encoding="utf-8", errors="replace", newline="")
        code, report = validate_files(paths[0], paths[1], paths[2])
    assert code in (0, 1)
    assert report["valid"] is (code == 0)
    assert len(report) == 12


@QUICK
@given(st.text(max_size=60))
def test_cleaning_keeps_the_length(text: str) -> None:
    assert len(clean(text)) == len(text)


@pytest.mark.parametrize("rules", [(), ("tags",), ALL_RULES])
def test_a_written_plan_is_read_back(rules: tuple[str, ...]) -> None:
    text = "\n".join(map(str, plan("pick-up b, stack b c, put-down a")))
    assert extract(text, parse_domain(BLOCKS), rules).actions == plan("pick-up b, stack b c, put-down a")
