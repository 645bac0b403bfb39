"""A folder of PDDL files is a domain: read as it is, split without overlap, and refused with the file and line."""

from __future__ import annotations

import random
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from families import FAMILIES, problem

from iterdeploy.check import check_domain
from iterdeploy.domains import load
from iterdeploy.domains.folder import problems_of
from iterdeploy.domains.pddl import PddlDomain
from iterdeploy.errors import BadInput, RecipeChanged
from iterdeploy.loop import run_loop
from iterdeploy.models.scripted import ScriptedTrainer
from iterdeploy.pddl import Problem, parse_domain, parse_problem
from iterdeploy.recipe import Base, Recipe, Tasks
from iterdeploy.steps.tasks import make_tasks
from iterdeploy.store import Run
from iterdeploy.types import Fault, Trace

FERRY = FAMILIES["ferry"]

CUPS = """(define (domain cups) (:requirements :adl) (:types cup place)
  (:predicates (at ?c - cup ?p - place) (full ?c - cup))
  (:action move :parameters (?c - cup ?a ?b - place)
    :precondition (and (at ?c ?a) (not (full ?c))) :effect (and (at ?c ?b) (not (at ?c ?a))))
  (:action pour :parameters (?c ?d - cup) :precondition (and (full ?c) (not (= ?c ?d)))
    :effect (and (full ?d) (not (full ?c)))))"""
CUP = """(define (problem one) (:domain cups) (:objects u v - cup k l - place)
  (:init (at u k) (at v l) (full u) (not (full v)))
  (:goal (and (not (full u)) (exists (?c - cup) (and (full ?c) (at ?c k))) (imply (at u k) (at v k)))))"""


def fill(folder: Path, count: int, first: int = 0) -> Path:
    """A folder with the domain of ferry and problems p1.pddl, p2.pddl, ..."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "domain.pddl").write_text(FERRY.text)
    for number in range(first, first + count):
        (folder / f"p{number + 1}.pddl").write_text(problem(FERRY, "easy", 3, 20, number))
    return folder


def opened(folder: Path) -> PddlDomain:
    return load(str(folder), Recipe(tasks=Tasks(domain=str(folder)), base=Base(prompt="paper")))


def files(domain: PddlDomain, split: str, count: int, seed: int = 0) -> list[str]:
    tasks = domain.tasks("heldout" if split == "heldout" else "deployed", count, (99,), seed)
    return [task.spec["file"] for task in tasks]


# --- what is read --------------------------------------------------------------------------------


def test_the_problems_of_a_folder_in_the_order_of_their_numbers(tmp_path: Path) -> None:
    found = problems_of(fill(tmp_path, 12))
    assert [one.file for one in found] == [f"p{number}.pddl" for number in range(1, 13)]
    assert {one.size for one in found} == {len(parse(found[0].problem).objects)}
    assert {one.split for one in found} == {"deployed", "heldout"}


def parse(text: str) -> Problem:
    return parse_problem(text, parse_domain(FERRY.text))


def test_the_text_is_the_file_and_the_split_is_that_of_the_digest(tmp_path: Path) -> None:
    domain = opened(fill(tmp_path / "mine", 20))
    deployed = domain.tasks("deployed", 10, (1,), 0)
    heldout = domain.tasks("heldout", 2, (1,), 0)
    assert not {t.spec["canonical"] for t in deployed} & {t.spec["canonical"] for t in heldout}
    for task in [*deployed, *heldout]:
        assert task.spec["problem"] == (tmp_path / "mine" / task.spec["file"]).read_text()
        assert (task.domain, domain.name) == ("mine", "mine")
        assert task.spec["problem"].strip() in task.prompt


def test_subfolders_of_the_splits_decide(tmp_path: Path) -> None:
    fill(tmp_path, 0)
    for split, first in (("deployed", 0), ("heldout", 50)):
        fill(tmp_path / "easy" / split, 4, first)
        (tmp_path / "easy" / split / "domain.pddl").unlink()
    domain = opened(tmp_path)
    assert files(domain, "deployed", 4) == [f"easy/deployed/p{n}.pddl" for n in (1, 2, 3, 4)]
    assert files(domain, "heldout", 4) == [f"easy/heldout/p{n}.pddl" for n in (51, 52, 53, 54)]


def test_a_seed_chooses_where_there_are_more_than_are_asked_for(tmp_path: Path) -> None:
    domain = opened(fill(tmp_path, 30))
    chosen = [files(domain, "deployed", 5, seed) for seed in (0, 0, 1, 2)]
    assert chosen[0] == chosen[1]
    assert len({tuple(one) for one in chosen}) > 1
    assert all(len(set(one)) == 5 for one in chosen)


def test_copies_but_for_names_count_once(tmp_path: Path) -> None:
    fill(tmp_path, 3)
    copy = (tmp_path / "p2.pddl").read_text().replace("car1", "beetle").replace("loc3", "quay")
    (tmp_path / "p9.pddl").write_text(copy)
    assert [one.file for one in problems_of(tmp_path)] == ["p1.pddl", "p2.pddl", "p3.pddl"]


def test_a_problem_takes_the_domain_that_is_named_like_it(tmp_path: Path) -> None:
    fill(tmp_path, 2)
    (tmp_path / "cup.pddl").write_text(CUP)
    (tmp_path / "cup-domain.pddl").write_text(CUPS)
    found = {one.file: one.domain for one in problems_of(tmp_path)}
    assert found == {"cup.pddl": CUPS, "p1.pddl": FERRY.text, "p2.pddl": FERRY.text}


@pytest.mark.parametrize(
    ("domain", "task"),
    [
        ("domain01", "task01"),
        ("domain_p01", "p01"),
        ("p01-domain", "p01"),
        ("DOMAIN", "cup"),
        ("cups", "cup"),
    ],
)
def test_names_of_domain_files_as_they_come(tmp_path: Path, domain: str, task: str) -> None:
    (tmp_path / f"{domain}.pddl").write_text(CUPS)
    (tmp_path / f"{task}.pddl").write_text(CUP)
    assert [one.domain for one in problems_of(tmp_path)] == [CUPS]


def test_a_domain_above_serves_unless_there_is_a_nearer_one(tmp_path: Path) -> None:
    fill(tmp_path, 0)
    fill(tmp_path / "deep" / "down", 1)
    (tmp_path / "deep" / "down" / "domain.pddl").unlink()
    other = FERRY.text.replace("(:action sail", "; mine\n  (:action sail")
    fill(tmp_path / "near", 1, first=7)
    (tmp_path / "near" / "domain.pddl").write_text(other)
    assert [one.domain for one in problems_of(tmp_path)] == [FERRY.text, other]


def test_negative_literals_quantifiers_and_all_that_the_validator_takes(tmp_path: Path) -> None:
    (tmp_path / "domain.pddl").write_text(CUPS)
    (tmp_path / "one.pddl").write_text(CUP)
    (tmp_path / "two.pddl").write_text(CUP.replace("(imply (at u k)", "(or (at u k)"))
    domain = opened(tmp_path)
    one, two = problems_of(tmp_path)
    (task, *_) = domain.tasks(one.split, 1, (1,), 0)
    assert one.digest != two.digest
    for steps, fault in (
        ("(move v l k)\n(pour u v)", None),
        ("(pour u v)", Fault.GOAL),
        ("(move u k l)", Fault.PRECONDITION),
    ):
        text = f"<plan>\n{steps}\n</plan>"
        verdict = domain.validate(task, Trace("t", task.id, 0, 0, "m", text, (1,), (2,), (0.0,), "stop"))
        assert verdict.fault == fault, verdict.reason


TANK = """(define (domain tank) (:requirements :typing :numeric-fluents) (:types car)
  (:predicates (ready ?c - car)) (:functions (fuel ?c - car))
  (:action start :parameters (?c - car) :precondition (>= (fuel ?c) 2)
    :effect (and (ready ?c) (decrease (fuel ?c) 2))))"""
TANKED = """(define (problem t) (:domain tank) (:objects a b - car)
  (:init (= (fuel a) 3) (= (fuel b) 1)) (:goal (and (ready a))))"""


def test_what_only_val_can_read_is_a_domain_where_val_is(tmp_path: Path) -> None:
    (tmp_path / "domain.pddl").write_text(TANK)
    for number, text in enumerate([TANKED, TANKED.replace(" 3)", " 9)"), TANKED.replace(" a", " c")]):
        (tmp_path / f"p{number}.pddl").write_text(text)
    one, _ = problems_of(tmp_path)
    domain = opened(tmp_path)
    (task, *_) = domain.tasks(one.split, 1, (1,), 0)
    assert (task.size, task.spec["file"]) == (2, "p0.pddl")
    for steps, valid in (("(start a)", True), ("(start b)", False)):
        verdict = domain.validate(
            task, Trace("t", task.id, 0, 0, "m", f"<plan>\n{steps}\n</plan>", (1,), (2,), (0.0,), "stop")
        )
        assert verdict.valid == valid, verdict.reason


def test_and_where_val_is_not_the_feature_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "domain.pddl").write_text(TANK)
    (tmp_path / "p.pddl").write_text(TANKED)
    monkeypatch.setattr("iterdeploy.domains.folder.find_val", lambda: None)
    with pytest.raises(BadInput, match=r"domain\.pddl, line \d: .*numeric.*VAL"):
        problems_of(tmp_path)


# --- what is refused -----------------------------------------------------------------------------


def no_domain(folder: Path) -> None:
    (folder / "domain.pddl").unlink()


def no_problem(folder: Path) -> None:
    for file in folder.glob("p*.pddl"):
        file.unlink()


def torn(folder: Path) -> None:
    text = (folder / "p2.pddl").read_text()
    (folder / "p2.pddl").write_text(text.replace("(:goal", "(:goal ("))


def foreign_object(folder: Path) -> None:
    (folder / "p2.pddl").write_text((folder / "p2.pddl").read_text().replace("(at car1 ", "(at lorry "))


def bad_domain(folder: Path) -> None:
    (folder / "domain.pddl").write_text(FERRY.text.replace("(at-ferry ?from)", "(at-fery ?from)", 1))


def no_pddl(folder: Path) -> None:
    (folder / "p3.pddl").write_text("(define (thing x))")


def bytes_of_another_kind(folder: Path) -> None:
    (folder / "p3.pddl").write_bytes(b"\xff\xfe(define")


def half_sorted(folder: Path) -> None:
    (folder / "heldout").mkdir()
    (folder / "p1.pddl").rename(folder / "heldout" / "p1.pddl")


def on_both_sides(folder: Path) -> None:
    for split in ("deployed", "heldout"):
        (folder / split).mkdir()
        shutil.copy(folder / "p1.pddl", folder / split / "p7.pddl")
    no_problem(folder)


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (no_domain, "has no domain.pddl, and no other file in it defines a PDDL domain"),
        (no_problem, "has a domain and no problem"),
        (torn, r"p2\.pddl, line \d+: "),
        (foreign_object, r"p2\.pddl, line \d+: no object 'lorry'"),
        (bad_domain, r"domain\.pddl, line \d+: no predicate 'at-fery'"),
        (no_pddl, r"p3\.pddl is neither a PDDL domain nor a problem"),
        (bytes_of_another_kind, r"p3\.pddl can't be read as UTF-8"),
        (half_sorted, r"p2\.pddl is in neither deployed/ nor heldout/"),
        (
            on_both_sides,
            r"deployed/p7\.pddl is deployed and heldout/p7\.pddl is heldout, but they are the same",
        ),
    ],
)
def test_a_folder_that_cannot_be_used_is_refused(
    tmp_path: Path, spoil: Callable[[Path], None], message: str
) -> None:
    spoil(fill(tmp_path, 3))
    with pytest.raises(BadInput, match=message):
        opened(tmp_path).tasks("deployed", 1, (1,), 0)


def test_too_few_are_refused_with_what_there_is(tmp_path: Path) -> None:
    domain = opened(fill(tmp_path, 10))
    deployed = sum(one.split == "deployed" for one in problems_of(tmp_path))
    message = f"has {deployed} problems to deploy and {10 - deployed} to hold out .*tasks.count={deployed} "
    with pytest.raises(BadInput, match=message):
        domain.tasks("deployed", deployed + 1, (1,), 0)


def test_a_problem_without_a_domain_of_its_own_is_refused(tmp_path: Path) -> None:
    (tmp_path / "domain-a.pddl").write_text(CUPS)
    (tmp_path / "domain-b.pddl").write_text(CUPS)
    (tmp_path / "c.pddl").write_text(CUP)
    with pytest.raises(BadInput, match=r"no domain for .*c\.pddl: put a domain\.pddl .*c-domain\.pddl"):
        problems_of(tmp_path)


@pytest.mark.parametrize("name", ["no/such/folder", "./nothing"])
def test_a_folder_that_is_not_there_is_refused(name: str) -> None:
    with pytest.raises(BadInput, match=f"no folder '{name}'"):
        load(name, Recipe())


def test_a_range_says_nothing_of_files(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="are as large as they are"):
        load(str(fill(tmp_path, 1)), Recipe(tasks=Tasks(range="easy")))


# --- in a run ------------------------------------------------------------------------------------


def test_a_folder_keeps_the_promises_of_a_domain(tmp_path: Path) -> None:
    broken = [f for f in check_domain(opened(fill(tmp_path, 30)), (1,), count=3) if not f.kept]
    assert not broken


def silent(prompt: str, chance: random.Random) -> str:
    return ""


def trainer() -> ScriptedTrainer:
    return ScriptedTrainer(right=silent, wrong=silent, base_share=0.0, halfway=1)


def begun(tmp_path: Path) -> tuple[Run, PddlDomain]:
    folder = fill(tmp_path / "files", 12)
    recipe = Recipe(
        generations=0,
        tasks=Tasks(domain=str(folder), count=5, heldout=1),
        base=Base(model="scripted", prompt="paper", ready_share=0.0),
    )
    return Run.create(tmp_path / "run", recipe), opened(folder)


def test_a_run_of_a_folder_goes_on_while_its_files_are_as_they_were(tmp_path: Path) -> None:
    run, domain = begun(tmp_path)
    run_loop(run, domain, trainer())
    before = run.tasks()
    run_loop(run, domain, trainer())
    assert run.tasks() == before
    shutil.move(tmp_path / "files", tmp_path / "elsewhere" / "files")
    run_loop(run, opened(tmp_path / "elsewhere" / "files"), trainer())


def changed_text(folder: Path, file: str) -> None:
    (folder / file).write_text((folder / file).read_text().replace("(define", "; a word\n(define", 1))


def changed_domain(folder: Path, file: str) -> None:
    changed_text(folder, "domain.pddl")


def removed(folder: Path, file: str) -> None:
    (folder / file).unlink()
    fill(folder, 6, first=40)


@pytest.mark.parametrize("change", [changed_text, changed_domain, removed])
def test_a_changed_folder_is_noticed_on_resume(tmp_path: Path, change: Callable[[Path, str], None]) -> None:
    run, domain = begun(tmp_path)
    with run.lock():
        make_tasks(run, domain)
    change(tmp_path / "files", run.tasks()[2].spec["file"])
    with pytest.raises(
        RecipeChanged, match=r"files has changed since this run took its tasks from it, first in p"
    ):
        run_loop(run, opened(tmp_path / "files"), trainer())


def test_tasks_that_are_made_are_not_made_again_on_resume(tmp_path: Path) -> None:
    """Only files can change behind a run's back; a generator's tasks are what the recipe says."""
    run, _ = begun(tmp_path)
    with run.lock():
        make_tasks(run, load("ferry", Recipe()))
        make_tasks(run, replace(load("ferry", Recipe()), name="other"))
