"""The audit of validators that are wrong in known ways."""

from __future__ import annotations

import pytest

from iterdeploy.audit import examine as module
from iterdeploy.audit.answers import answers
from iterdeploy.audit.examine import Said, examine, random_answers
from iterdeploy.audit.validators import NAMES, of_command, of_function, of_judge, val_alone
from iterdeploy.audit.worlds import Situation, random_situation
from iterdeploy.domains.judge import open_judge
from iterdeploy.errors import BadInput, IterdeployError
from iterdeploy.pddl import Action, PddlError, parse_domain, parse_problem, read_plan, validate
from iterdeploy.pddl.judges import OwnJudge
from iterdeploy.pddl.val import find_val

OURS = of_judge(OwnJudge())
needs_val = pytest.mark.skipif(find_val() is None, reason="VAL is not installed")


def test_our_own_validator_is_never_wrong() -> None:
    found = examine(OURS, 400, seed=1)
    assert (found.wrong, found.silent, found.trusted) == ([], 0, True)
    assert found.asked > 100
    assert found.accepts.asked + found.rejects.asked == 400
    assert found.rejects.asked > 50
    assert found.accepts.bound == pytest.approx(1 - 0.05 ** (1 / found.accepts.asked))


def test_one_that_accepts_all_and_one_that_rejects_all() -> None:
    found = examine(lambda *_: "valid", 60, seed=1)
    assert {wrong.answer.valid for wrong in found.wrong} == {False}
    assert found.accepts.wrong == found.accepts.asked
    assert (found.accepts.bound, found.rejects.wrong) == (1.0, 0)
    found = examine(lambda *_: "invalid", 60, seed=1)
    assert {wrong.answer.valid for wrong in found.wrong} == {True}
    assert found.rejects.wrong == found.rejects.asked


def test_no_answer_accepts_nothing_and_is_counted() -> None:
    found = examine(lambda *_: "nothing", 60, seed=1)
    assert found.silent == sum(not answer.valid for answer in [*answers(), *random_answers(60, 1)])
    assert {wrong.answer.valid for wrong in found.wrong} == {True}


def test_one_that_answers_only_where_the_plan_is_valid_is_not_trusted() -> None:
    def shy(domain: str, problem: str, plan: str) -> Said:
        said = of_judge(open_judge("pddl"))(domain, problem, plan)
        return "valid" if said == "valid" else "nothing"

    found = examine(shy, 20, seed=0)
    assert not found.wrong
    assert found.accepts.asked == 0, "the bound is of plans that were judged"
    assert found.mute
    assert not found.trusted


def test_one_that_cuts_arguments_off_is_found_out() -> None:
    """As VAL does."""

    def cutting(domain_text: str, problem_text: str, plan: str) -> Said:
        domain = parse_domain(domain_text)
        try:
            steps = read_plan(plan).actions
        except PddlError:
            return "invalid"
        counts = {name: len(schema.parameters) for name, schema in domain.actions.items()}
        cut = [Action(s.name, s.args[: counts.get(s.name, 0)]) for s in steps]
        return "valid" if validate(domain, parse_problem(problem_text, domain), cut).valid else "invalid"

    found = examine(cutting, 400, seed=1)
    names = {wrong.answer.name for wrong in found.wrong}
    assert "an argument too many at the end" in names
    assert any("more-arguments" in name for name in names)
    assert found.accepts.wrong > 0 == found.rejects.wrong
    assert found.accepts.bound > found.accepts.wrong / found.accepts.asked


@needs_val
def test_val_by_itself_ignores_arguments_that_are_too_many() -> None:
    names = {wrong.answer.name for wrong in examine(val_alone, 0, seed=1).wrong}
    assert "an argument too many at the end" in names
    assert "an object that is not there, of which nothing is true" in names


@needs_val
def test_val_as_a_run_uses_it_is_not_wrong() -> None:
    found = examine(of_judge(open_judge("val")), 20, seed=1)
    assert found.wrong == []


def test_the_same_seed_draws_the_same_plans_and_another_others() -> None:
    assert list(random_answers(10, 4)) == list(random_answers(10, 4)) != list(random_answers(10, 5))
    assert len({answer.problem for answer in random_answers(10, 4)}) > 8


def test_a_contradiction_of_ours_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Situation, "after", lambda *_: None)
    monkeypatch.setattr(module, "_solved", lambda rng: (random_situation(rng), [], frozenset()))
    with pytest.raises(IterdeployError, match="the audit contradicts itself"):
        list(random_answers(20, 0))


# --- kinds of validators --------------------------------------------------------------------


def test_a_function() -> None:
    assert of_function(lambda *_: True, "m:f")("", "", "") == "valid"
    assert of_function(lambda *_: False, "m:f")("", "", "") == "invalid"
    assert of_function(lambda *_: 1 / 0, "m:f")("", "", "") == "nothing"
    with pytest.raises(BadInput, match="m:f answers 'yes'"):
        of_function(lambda *_: "yes", "m:f")("", "", "")


@pytest.mark.parametrize(
    ("script", "line", "said"),
    [
        ("exit 0", "", "valid"),
        ("exit 1", "", "invalid"),
        ("exit 2", "", "nothing"),
        ("kill -SEGV $$", "", "nothing"),
        ("sleep 60", "", "nothing"),
        ("echo Plan valid; exit 5", "Plan valid", "valid"),
        ("echo no Plan valid", "Plan valid", "invalid"),
        ("echo Plan valid; kill -SEGV $$", "Plan valid", "nothing"),
        ("cat $3 | grep -q c && cat $2 | grep -q b && cat $1 | grep -q a", "", "valid"),
    ],
)
def test_a_program(script: str, line: str, said: Said) -> None:
    command = f"sh -c '{script}' sh {{domain}} {{problem}} {{plan}}"
    assert of_command(command, line, seconds=2)("a", "b", "c") == said


@pytest.mark.parametrize("command", ["prog", "prog {domain} {problem}", "prog {plan} {domain}"])
def test_a_command_needs_all_three_files(command: str) -> None:
    with pytest.raises(BadInput, match=r"has no \{"):
        of_command(command)


def test_a_program_that_is_not_there() -> None:
    with pytest.raises(BadInput, match="cannot run 'no-such-program': No such file"):
        of_command("no-such-program {domain} {problem} {plan}")("", "", "")


def test_the_names_are_these() -> None:
    assert NAMES == ("pddl", "val", "val-strict")
