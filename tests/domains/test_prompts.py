"""Prompt templates: the compact words, the paper's structure, a file of one's own."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from families import FAMILIES, problem
from search import shortest_length
from towers import BLOCKSWORLD

from iterdeploy.domains import load
from iterdeploy.domains.atoms import atoms_of
from iterdeploy.domains.prompts import compact, compact_prompt, paper, template
from iterdeploy.errors import BadInput
from iterdeploy.pddl import extract, parse_domain, parse_problem, validate
from iterdeploy.recipe import Base, Recipe

PROBLEM = """(define (problem p) (:domain blocksworld) (:objects a b)
  (:init (on a b) (clear a) (ontable b) (handempty)) (:goal (and (on b a) (ontable a) (clear b))))"""
EXAMPLE = re.compile(
    r"Example \d, the domain:\n(\(define .*?)\nThe problem:\n(\(define .*?)\nThe answer:\n(<plan>.*?</plan>)",
    re.DOTALL,
)


def test_compact_groups_by_predicate_and_turns_the_goal_around() -> None:
    assert compact(BLOCKSWORLD.text, PROBLEM) == (
        "<bos> init clear a handempty on a b ontable b\ngoal !clear b !on a b !ontable a\n<think>"
    )


def test_the_order_within_a_predicate_is_that_of_the_problem() -> None:
    prompt = compact_prompt(
        [("clear", "b2"), ("on", "b2", "b1"), ("clear", "b1")], [("clear", "b1")], "<say>"
    )
    assert prompt == "<bos> init clear b2 clear b1 on b2 b1\ngoal !clear b1\n<say>"


def test_the_paper_template_holds_the_domain_the_problem_and_a_checklist() -> None:
    prompt = paper(BLOCKSWORLD.text, PROBLEM)
    assert BLOCKSWORLD.text.strip() in prompt
    assert PROBLEM in prompt
    assert prompt.index(PROBLEM) < prompt.index("Example 1") < prompt.index("Before you answer, check:")
    assert "{" not in prompt


def test_the_worked_examples_of_the_paper_template_are_valid() -> None:
    examples = EXAMPLE.findall(paper(BLOCKSWORLD.text, PROBLEM))
    names = []
    for domain_text, text, answer in examples:
        domain = parse_domain(domain_text)
        found = extract(answer, domain)
        assert found.fault is None, found.reason
        verdict = validate(domain, parse_problem(text, domain), found.actions)
        assert verdict.valid, verdict.reason
        assert not validate(domain, parse_problem(text, domain), found.actions[:-1]).valid
        names.append(domain.name)
    assert names == ["gripper", "logistics"], "other domains than the one that is asked"


def test_the_worked_examples_have_shortest_plans() -> None:
    lengths = []
    for domain_text, text, answer in EXAMPLE.findall(paper(BLOCKSWORLD.text, PROBLEM)):
        steps = extract(answer, parse_domain(domain_text)).actions
        assert len(steps) == shortest_length(domain_text, text)
        lengths.append(len(steps))
    assert lengths == [5, 6]


@pytest.mark.parametrize("name", FAMILIES)
def test_the_paper_template_serves_every_domain(name: str) -> None:
    text = problem(FAMILIES[name], "easy", 0, 2, 0)
    prompt = paper(FAMILIES[name].text, text)
    assert FAMILIES[name].text.strip() in prompt
    assert text.strip() in prompt
    assert len(EXAMPLE.findall(prompt)) == 2


# --- the compact form of any domain --------------------------------------------------------------


def test_objects_are_listed_by_type_where_there_are_several() -> None:
    text = """(define (problem p) (:domain ferry) (:objects a b - car k l - location)
      (:init (at-ferry k) (empty-ferry) (at a k) (at b k)) (:goal (and (at b l) (at a l))))"""
    assert compact(FAMILIES["ferry"].text, text) == (
        "<bos> objects car a b | location k l |\ninit at a k at b k at-ferry k empty-ferry\n"
        "goal !at l b !at l a\n<think>"
    )


@pytest.mark.parametrize("objects", ["a b", "a b - object", "a - block b - block"])
def test_one_type_tells_nothing_and_is_left_out(objects: str) -> None:
    assert compact("", PROBLEM.replace("(:objects a b)", f"(:objects {objects})")) == compact("", PROBLEM)


def test_a_goal_that_is_more_than_atoms_is_written_as_it_stands() -> None:
    text = PROBLEM.replace("(and (on b a) (ontable a) (clear b))", "(or (on b a) (not (clear b)))")
    assert compact("", text).endswith("\ngoal ( or ( on b a ) ( not ( clear b ) ) )\n<think>")
    text = PROBLEM.replace("(handempty)", "(not (holding a)) (= (total-cost) 0)")
    assert "init ( not ( holding a ) ) ( = ( total-cost ) 0 ) clear a on a b" in compact("", text)


@pytest.mark.parametrize("name", FAMILIES)
def test_the_compact_form_names_every_object_of_a_typed_domain(name: str) -> None:
    text = problem(FAMILIES[name], "easy", 1, 3, 0)
    words = set(compact(FAMILIES[name].text, text).replace("!", "").split())
    assert {o for o, _ in atoms_of(text).objects} <= words
    assert not any("(" in word for word in words)


def test_a_comment_that_looks_like_a_field_stays(tmp_path: Path) -> None:
    file = tmp_path / "mine.txt"
    file.write_text("{domain} and {problem}")
    made = template(str(file))("(define D) ; see {problem}", "(define P) ; of {domain}")
    assert made == "(define D) ; see {problem} and (define P) ; of {domain}"


def test_a_file_is_a_template(tmp_path: Path) -> None:
    file = tmp_path / "mine.txt"
    file.write_text("Solve {problem} of {domain}; {braces} and 100% stay.")
    made = template(str(file))("(define D)\n", "(define P)\n")
    assert made == "Solve (define P) of (define D); {braces} and 100% stay."


def test_a_recipe_chooses_the_template(tmp_path: Path) -> None:
    (task,) = load("blocksworld", Recipe(base=Base(prompt="paper"))).tasks("deployed", 1, (5,), 0)
    assert task.prompt == paper(task.spec["domain"], task.spec["problem"])


@pytest.mark.parametrize(
    ("text", "missing"),
    [
        ("{domain}", r"lacks \{problem\}"),
        ("{problem}", r"lacks \{domain\}"),
        ("", r"lacks \{domain\} and \{problem\}"),
    ],
)
def test_a_file_without_its_fields_is_refused(tmp_path: Path, text: str, missing: str) -> None:
    (tmp_path / "mine.txt").write_text(text)
    with pytest.raises(BadInput, match=missing):
        template(str(tmp_path / "mine.txt"))


def test_a_file_that_cannot_be_read_is_refused(tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_bytes(b"\xff{domain}{problem}")
    with pytest.raises(BadInput, match=r"mine\.txt .*UTF-8"):
        template(str(tmp_path / "mine.txt"))


@pytest.mark.parametrize(("name", "offer"), [("compct", "compact"), ("papr", "paper")])
def test_an_unknown_template_offers_the_nearest(name: str, offer: str) -> None:
    with pytest.raises(
        BadInput, match=f"no prompt template '{name}'.*compact, paper \\(did you mean {offer}"
    ):
        template(name)


def test_an_unknown_domain_offers_the_nearest() -> None:
    with pytest.raises(BadInput, match=r"no domain 'bloksworld'; .*\(did you mean blocksworld\?\)"):
        load("bloksworld", Recipe())
