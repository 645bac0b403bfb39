"""Judging plans: every fault with its step, action and literal, and the semantics of effects."""

from __future__ import annotations

import random
import time

import pytest
from pddl_texts import BLOCKS, THREE, TOWER, domain, plan, problem

from iterdeploy.pddl import Action, Judgement, parse_domain, parse_problem, read_plan, validate
from iterdeploy.types import Fault


def judge(domain_text: str, problem_text: str, steps: str) -> Judgement:
    read = parse_domain(domain_text)
    return validate(read, parse_problem(problem_text, read), plan(steps))


def test_a_plan_that_reaches_the_goal_is_valid() -> None:
    read = parse_domain(BLOCKS)
    judged = validate(read, parse_problem(THREE, read), read_plan(TOWER).actions)
    assert judged == Judgement(True, None, "", None, "", "", 4)


@pytest.mark.parametrize(
    ("steps", "fault", "step", "action", "literal", "reason"),
    [
        (
            "pick-up b, stack b c, pick-up b",
            Fault.PRECONDITION,
            3,
            "(pick-up b)",
            "(ontable b)",
            "step 3: (pick-up b) needs (ontable b), which is false",
        ),
        (
            "pick-up b, pick-up a",
            Fault.PRECONDITION,
            2,
            "(pick-up a)",
            "(handempty)",
            "step 2: (pick-up a) needs (handempty), which is false",
        ),
        (
            "grab b",
            Fault.UNKNOWN_ACTION,
            1,
            "(grab b)",
            "",
            "step 1: no action 'grab' in (grab b); there are pick-up, put-down, stack, unstack",
        ),
        (
            "pick-up b c",
            Fault.ARITY,
            1,
            "(pick-up b c)",
            "",
            "step 1: pick-up takes 1 argument, and (pick-up b c) has 2",
        ),
        ("stack b", Fault.ARITY, 1, "(stack b)", "", "step 1: stack takes 2 arguments, and (stack b) has 1"),
        (
            "pick-up z",
            Fault.UNKNOWN_OBJECT,
            1,
            "(pick-up z)",
            "",
            "step 1: no object 'z' for (pick-up z); there are a, b, c",
        ),
        (
            "pick-up \uff42",
            Fault.UNKNOWN_OBJECT,
            1,
            "(pick-up \uff42)",
            "",
            "step 1: no object '\uff42' for (pick-up \uff42); there are a, b, c",
        ),
        (
            "pick-up b, stack b c",
            Fault.GOAL,
            None,
            "",
            "(on a b)",
            "the goal needs (on a b), which is false after the last step, 2",
        ),
        (
            "",
            Fault.GOAL,
            None,
            "",
            "(on a b)",
            "the goal needs (on a b), which is false and the plan is empty",
        ),
    ],
)
def test_each_fault_says_where_and_why(
    steps: str, fault: Fault, step: int | None, action: str, literal: str, reason: str
) -> None:
    judged = judge(BLOCKS, THREE, steps)
    assert judged == Judgement(False, fault, reason, step, action, literal, len(plan(steps)))


def test_the_first_wrong_step_decides() -> None:
    assert judge(BLOCKS, THREE, "stack a b, grab b").fault is Fault.PRECONDITION


def test_an_object_of_another_problem_is_unknown_though_its_step_was_seen() -> None:
    other = THREE.replace("a b c)", "a b c d)").replace("(ontable c)", "(ontable c) (ontable d) (clear d)")
    assert judge(BLOCKS, other, "pick-up d").fault is Fault.GOAL
    assert judge(BLOCKS, THREE, "pick-up d").fault is Fault.UNKNOWN_OBJECT


def test_names_are_compared_without_case_in_ascii_only() -> None:
    assert judge(BLOCKS, THREE, "PICK-UP B, Stack b C, pick-up A, stack a B").valid
    kelvin = THREE.replace("a b c)", "a b c k)")
    assert judge(BLOCKS, kelvin, "pick-up \u212a").fault is Fault.UNKNOWN_OBJECT


@pytest.mark.parametrize(
    "step", [Action("x" * 100_000, ()), Action("pick-up", ("y" * 100_000,)), Action("stack", ("a",) * 50_000)]
)
def test_a_reason_stays_short_whatever_the_names(step: Action) -> None:
    read = parse_domain(BLOCKS)
    judged = validate(read, parse_problem(THREE, read), [step])
    assert len(judged.reason) + len(judged.action) < 600


TYPED = """(define (domain d) (:requirements :typing)
  (:types truck plane - vehicle place)
  (:predicates (at ?v - vehicle ?p - place) (up ?v - plane))
  (:action drive :parameters (?v - (either truck plane) ?a ?b - place)
   :precondition (at ?v ?a) :effect (and (at ?v ?b) (not (at ?v ?a))))
  (:action fly :parameters (?v - plane) :effect (up ?v)))"""


def test_types_of_arguments_are_checked() -> None:
    text = problem("(at t l)", "(at t m)", "t - truck p - plane l m - place v - vehicle")
    assert judge(TYPED, text, "drive t l m, fly p").valid
    wrong = judge(TYPED, text, "fly t")
    assert wrong.fault is Fault.TYPE
    assert wrong.reason == "step 1: argument 1 of (fly t) takes type plane, and t is of type truck"
    assert judge(TYPED, text, "drive v l m").fault is Fault.TYPE  # either does not take the type above
    assert judge(TYPED, text, "drive t t m").fault is Fault.TYPE


ANY = "(:action a :parameters (?x) :precondition {} :effect {})"


@pytest.mark.parametrize(
    ("condition", "literal"),
    [
        ("(and)", None),
        ("()", None),
        ("(p ?x)", None),
        ("(not (q ?x))", None),
        ("(q ?x)", "(q o1)"),
        ("(not (p ?x))", "(not (p o1))"),
        ("(= ?x o1)", None),
        ("(not (= ?x o1))", "(not (= o1 o1))"),
        ("(or (q ?x) (p ?x))", None),
        ("(or)", "(or)"),
        ("(imply (q ?x) (q o2))", None),
        ("(imply (p ?x) (q ?x))", "(or (not (p o1)) (q o1))"),
        ("(exists (?y) (not (= ?y ?x)))", None),
        ("(exists (?y) (and (q ?y) (p ?y)))", "(exists (?y) (and (q ?y) (p ?y)))"),
        ("(forall (?y) (p ?y))", "(p o2)"),
        ("(forall (?y) (or (p ?y) (= ?y o2)))", None),
        ("(and (p ?x) (and (not (q ?x)) (forall (?x) (not (q ?x)))))", None),
        ("(exists (?y ?z) (and (p ?y) (not (= ?y ?z)) (not (p ?z))))", None),
    ],
)
def test_conditions(condition: str, literal: str | None) -> None:
    text = domain("(:constants o1 o2)" + ANY.format(condition, "(q ?x)"))
    judged = judge(text, problem("(p o1)", "(q o1)"), "a o1")
    assert judged.valid == (literal is None)
    assert judged.literal == (literal or "")


@pytest.mark.parametrize(
    ("effect", "goal", "reached"),
    [
        ("(and (p ?x) (not (p ?x)))", "(p o1)", True),  # adding wins, in either order
        ("(and (not (p ?x)) (p ?x))", "(p o1)", True),
        ("(and (when (p ?x) (not (p ?x))) (when (p ?x) (p ?x)))", "(p o1)", True),
        ("(and (not (p ?x)) (when (p ?x) (q ?x)))", "(and (q o1) (not (p o1)))", True),
        ("(and (q ?x) (when (q ?x) (not (p ?x))))", "(p o1)", True),
        ("(forall (?y) (q ?y))", "(and (q o1) (q o2))", True),
        (
            "(forall (?y) (when (p ?y) (and (q ?y) (not (p ?y)))))",
            "(and (q o1) (not (q o2)) (not (p o1)))",
            True,
        ),
        ("(when (exists (?z) (p ?z)) (forall (?y) (q ?y)))", "(and (q o1) (q o2))", True),
        ("(when (exists (?z) (q ?z)) (forall (?y) (q ?y)))", "(q o1)", False),
        (
            "(forall (?y) (forall (?z) (when (and (p ?y) (not (= ?y ?z))) (q ?z))))",
            "(and (q o2) (not (q o1)))",
            True,
        ),
        ("(forall (?x) (when (p ?x) (q ?x)))", "(q o1)", True),
        ("(when (and) (q ?x))", "(q o1)", True),
        ("()", "(p o1)", True),
        ("(and)", "(forall (?x) (p ?x))", False),
    ],
)
def test_effects(effect: str, goal: str, reached: bool) -> None:
    text = domain("(:constants o1 o2)" + ANY.format("()", effect))
    judged = judge(text, problem("(p o1)", goal), "a o1")
    assert judged.valid is reached
    assert judged.fault is (None if reached else Fault.GOAL)


def test_two_parameters_may_be_one_object() -> None:
    move = "(:action move :parameters (?x ?y) :precondition (p ?x) :effect (and (p ?y) (not (p ?x)) (q ?y)))"
    assert judge(domain(move), problem("(p o1)", "(and (p o1) (q o1))"), "move o1 o1").valid


ABOVE = """(define (domain d) (:predicates (on ?x ?y) (above ?x ?y) (low ?x) (done ?x))
 (:derived (above ?x ?y) (or (on ?x ?y) (exists (?z) (and (on ?x ?z) (above ?z ?y)))))
 (:derived (low ?x) (not (exists (?y) (above ?x ?y))))
 (:action lift :parameters (?x ?y) :precondition (above ?x ?y) :effect (and (done ?x) (not (on ?x ?y))))
 (:action rest :parameters (?x) :precondition (low ?x) :effect (done ?x)))"""


def test_derived_predicates_follow_the_state() -> None:
    text = problem("(on a b) (on b c)", "(and (done a) (above a c))", "a b c")
    assert judge(ABOVE, text, "lift a c").valid
    fallen = judge(ABOVE, text, "lift a b, lift a c")
    assert fallen.literal == "(above a c)"
    low = problem("(on a b) (on b c)", "(and (done c) (low c) (not (low a)))", "a b c")
    assert judge(ABOVE, low, "rest c").valid
    assert judge(ABOVE, low, "rest a").literal == "(low a)"
    freed = problem("(on a b)", "(low a)", "a b")
    assert judge(ABOVE, freed, "lift a b").valid


def _naive(towers: dict[str, str], steps: tuple[Action, ...], goal: dict[str, str]) -> bool:
    """Blocks by hand: what each block stands on ("" is the table), and what the hand holds."""
    on, held = dict(towers), ""
    for step in steps:
        block, under = step.args[0], step.args[-1] if len(step.args) == 2 else ""
        clear = block not in on.values()
        match step.name:
            case "pick-up" | "unstack" if not held and clear and on.get(block) == under:
                held = block
                del on[block]
            case "put-down" | "stack" if held == block and (
                not under or (under not in on.values() and under in on)
            ):
                on[block], held = under, ""
            case _:
                return False
    return all(on.get(block) == under for block, under in goal.items())


def _text(towers: dict[str, str], goal: dict[str, str]) -> str:
    facts = ["(handempty)"]
    for block, under in towers.items():
        facts.append(f"(on {block} {under})" if under else f"(ontable {block})")
        if block not in towers.values():
            facts.append(f"(clear {block})")
    wanted = " ".join(f"(on {block} {under})" for block, under in goal.items())
    return (
        f"(define (problem x) (:domain blocks) (:objects {' '.join(towers)})"
        f" (:init {' '.join(facts)}) (:goal (and {wanted})))"
    )


def test_agrees_with_blocks_moved_by_hand() -> None:
    rng = random.Random(7)
    read = parse_domain(BLOCKS)
    seen = set()
    for _ in range(400):
        names = ["a", "b", "c"]
        rng.shuffle(names)
        towers = {names[0]: "", names[1]: rng.choice(["", names[0]]), names[2]: ""}
        steps: list[Action] = []
        for _ in range(rng.randint(0, 3)):
            x, y = rng.choice(names), rng.choice(names)
            steps += rng.choice([plan(f"pick-up {x}, stack {x} {y}"), plan(f"unstack {x} {y}, put-down {x}")])
        goal = {names[2]: rng.choice(names)} if rng.random() < 0.5 else {}
        text = _text(towers, goal)
        expected = _naive(towers, tuple(steps), goal)
        seen.add(expected)
        assert validate(read, parse_problem(text, read), steps).valid == expected, (text, steps)
    assert seen == {True, False}


def test_is_fast_enough_for_a_run() -> None:
    """A tenth of what is measured, so that a busy machine does not fail the test."""
    read = parse_domain(BLOCKS)
    three, steps = parse_problem(THREE, read), plan("pick-up b, put-down b, " * 10 + TOWER_STEPS)
    started = time.process_time()
    assert all(validate(read, three, steps).valid for _ in range(2000))
    assert 2000 / (time.process_time() - started) > 2500


TOWER_STEPS = "pick-up b, stack b c, pick-up a, stack a b"
