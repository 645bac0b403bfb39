"""Childsnack: sandwiches are made in the kitchen, some without gluten, and carried on trays to waiting children."""

from __future__ import annotations

import random
from collections import defaultdict

from iterdeploy.domains.atoms import Atom, atoms_of
from iterdeploy.domains.family import Family, Parameters, domain_text, require
from iterdeploy.domains.statement import state_problem
from iterdeploy.errors import BadInput

TABLES = ("table1", "table2", "table3")


def make(parameters: Parameters, rng: random.Random) -> str:
    """Children at three tables, all trays in the kitchen, a portion of bread and of content for each child.

    Of the portions without gluten there may be more than allergic children: were there always just as many, too few
    problems of up to ten children would differ in more than names.
    """
    require("childsnack", parameters, children=1, allergic=0, trays=1, sandwiches=1)
    count, allergic = parameters["children"], parameters["allergic"]
    if allergic > count:
        raise BadInput(f"childsnack: allergic = {allergic} needs children >= {allergic}, not {count}")
    if parameters["sandwiches"] < count:
        raise BadInput(
            f"childsnack: children = {count} needs sandwiches >= {count}, not {parameters['sandwiches']}"
        )
    children = _numbered("child", count)
    breads, contents = _numbered("bread", count), _numbered("content", count)
    sandwiches, trays = _numbered("sandw", parameters["sandwiches"]), _numbered("tray", parameters["trays"])
    sensitive = set(rng.sample(children, allergic))
    init: list[Atom] = [("at", tray, "kitchen") for tray in trays]
    init += [("at_kitchen_bread", bread) for bread in breads]
    init += [("at_kitchen_content", content) for content in contents]
    init += [("no_gluten_bread", bread) for bread in _some(breads, allergic, rng)]
    init += [("no_gluten_content", content) for content in _some(contents, allergic, rng)]
    init += [("allergic_gluten", child) for child in children if child in sensitive]
    init += [("not_allergic_gluten", child) for child in children if child not in sensitive]
    init += [("waiting", child, rng.choice(TABLES)) for child in children]
    init += [("notexist", sandwich) for sandwich in sandwiches]
    objects = {
        "child": children,
        "tray": trays,
        "sandwich": sandwiches,
        "bread-portion": breads,
        "content-portion": contents,
        "place": TABLES,
    }
    goal = [("served", child) for child in children]
    return state_problem(f"childsnack-{count}", "childsnack", objects, init, goal)


def _numbered(word: str, count: int) -> list[str]:
    return [f"{word}{i}" for i in range(1, count + 1)]


def _some(portions: list[str], least: int, rng: random.Random) -> list[str]:
    """At least `least` of the portions, in their order."""
    chosen = set(rng.sample(portions, rng.randint(least, len(portions))))
    return [portion for portion in portions if portion in chosen]


def solve(problem: str) -> list[str]:
    """All sandwiches are made and put on one tray, those without gluten first; then the tray goes round the tables."""
    said = atoms_of(problem)
    facts: dict[str, list[tuple[str, ...]]] = defaultdict(list)
    for predicate, *rest in said.init:
        facts[predicate].append(tuple(rest))
    allergic = {child for (child,) in facts["allergic_gluten"]}
    served = {child for (child,) in facts["served"]}
    hungry = [a[1] for a in said.goal if a[0] == "served" and a[1] not in served]
    hungry.sort(key=lambda child: child not in allergic)  # stable: the order of the goal within each kind
    sandwiches = [sandwich for (sandwich,) in facts["notexist"]]
    tray, here = facts["at"][0]
    steps: list[str] = []
    breads = _by_gluten(facts["at_kitchen_bread"], facts["no_gluten_bread"])
    contents = _by_gluten(facts["at_kitchen_content"], facts["no_gluten_content"])
    snacks = dict(zip(hungry, sandwiches, strict=False))
    if len(snacks) < len(hungry) or min(len(breads), len(contents)) < len(hungry):
        raise BadInput("this problem has too few sandwiches or portions for the solver of childsnack")
    for child, sandwich in snacks.items():
        last = (
            -1 if child in allergic else 0
        )  # portions without gluten stand last, and are kept for who needs them
        suffix = "_no_gluten" if child in allergic else ""
        steps.append(f"(make_sandwich{suffix} {sandwich} {breads.pop(last)} {contents.pop(last)})")
    here = _move(tray, here, "kitchen", steps)
    steps += [f"(put_on_tray {sandwich} {tray})" for sandwich in snacks.values()]
    tables: dict[str, list[str]] = defaultdict(list)
    for child, table in facts["waiting"]:
        if child in snacks:
            tables[table].append(child)
    for table, children in tables.items():
        here = _move(tray, here, table, steps)
        for child in children:
            suffix = "_no_gluten" if child in allergic else ""
            steps.append(f"(serve_sandwich{suffix} {snacks[child]} {child} {tray} {table})")
    return steps


def _by_gluten(portions: list[tuple[str, ...]], free: list[tuple[str, ...]]) -> list[str]:
    """The portions, those without gluten last."""
    without = set(free)
    return [portion[0] for portion in sorted(portions, key=lambda portion: portion in without)]


def _move(tray: str, here: str, there: str, steps: list[str]) -> str:
    if here != there:
        steps.append(f"(move_tray {tray} {here} {there})")
    return there


FAMILY = Family(
    name="childsnack",
    text=domain_text("childsnack"),
    ranges={
        "easy": {"children": (4, 10), "allergic": (0, 6), "trays": (1, 3), "sandwiches": (4, 15)},
        "medium": {"children": (15, 40), "allergic": (15, 25), "trays": (2, 5), "sandwiches": (15, 60)},
        "hard": {"children": (50, 300), "allergic": (50, 150), "trays": (4, 10), "sandwiches": (50, 450)},
    },
    size="children",
    make=make,
    solve=solve,
)
