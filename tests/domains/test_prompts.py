"""Prompt templates: the compact words, the paper's structure, a file of one's own."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from towers import BLOCKSWORLD

from iterdeploy.domains import load
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
    for domain_text, problem, answer in examples:
        domain = parse_domain(domain_text)
        found = extract(answer, domain)
        assert found.fault is None, found.reason
        verdict = validate(domain, parse_problem(problem, domain), found.actions)
        assert verdict.valid, verdict.reason
        assert not validate(domain, parse_problem(problem, domain), found.actions[:-1]).valid
        names.append(domain.name)
    assert names == ["gripper", "logistics"], "other domains than the one that is asked"


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
