"""Our verdicts against kairos, VAL and a naive interpreter on random and mutated plans of all domains and random ones.

    python experiments/validator/crosscheck.py --plans 500000 --out runs/crosscheck
    python experiments/validator/crosscheck.py --show runs/crosscheck

A folder that was begun goes on where it stopped: every problem is drawn from its number alone. rows.jsonl has a row a
problem; a disagreement stands in it with its texts. Exit 1 if a disagreement is not explained, 0 otherwise.
"""

from __future__ import annotations

import argparse
import json
import random
import sys
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from itertools import islice, product
from pathlib import Path
from typing import Any

import kairos
from grammar import Grammar, random_world
from naive import Naive
from others import Answer, Kairos, ask_val
from worlds import WORLDS, World, registered, with_goal

from iterdeploy.audit.mutations import CHANGES, LAYOUTS, Words, mutated, steps_of, written
from iterdeploy.pddl import (
    Action,
    Domain,
    Problem,
    parse_domain,
    parse_problem,
    read_plan,
    validate,
)
from iterdeploy.pddl.structures import And, Exists, Forall, Formula, Not, Or
from iterdeploy.types import Fault

A_PROBLEM = 60  # plans
RANDOM_SHARE = 0.5  # of the problems are of random domains
MOST_STEPS = 400  # ground actions that a walk chooses from
DEADLY = (
    Fault.UNKNOWN_ACTION,
    Fault.ARITY,
    Fault.UNKNOWN_OBJECT,
    Fault.TYPE,
)  # VAL may end or crash: few go to it
DEADLY_SHARE = 0.02


def walk(domain: Domain, problem: Problem, steps: int, rng: random.Random) -> list[Action]:
    """A random plan whose steps can be done."""
    naive = Naive(domain, problem)
    state = naive.start()
    there = list(islice(_ground(domain, problem, rng), MOST_STEPS))
    plan: list[Action] = []
    for _ in range(steps):
        rng.shuffle(there)
        for action in there:
            later = naive.after(state, action)[1]
            if later is not None:
                plan.append(action)
                state = later
                break
        else:
            break
    return plan


def _ground(domain: Domain, problem: Problem, rng: random.Random) -> Iterator[Action]:
    members = problem.vocabulary.members
    for schema in rng.sample(list(domain.actions.values()), len(domain.actions)):
        places = [
            sorted({name for kind in variable.types for name in members[kind]})
            for variable in schema.parameters
        ]
        for place in places:
            rng.shuffle(place)
        for args in islice(product(*places), 1 + MOST_STEPS // len(domain.actions)):
            yield Action(schema.name, args)


def goal_after(domain: Domain, problem: Problem, plan: list[Action], rng: random.Random) -> str:
    """Some of what holds after the plan, as a goal."""
    naive = Naive(domain, problem)
    start = state = naive.start()
    for action in plan:
        state = naive.after(state, action)[1] or state
    new = sorted(state - start) or sorted(state)
    facts = rng.sample(new, min(len(new), rng.randint(1, 3)))
    gone = sorted(start - state)
    parts = [f"({' '.join(fact)})" for fact in facts]
    if gone and rng.random() < 0.3:
        parts.append(f"(not ({' '.join(rng.choice(gone))}))")
    return f"(and {' '.join(parts)})"


def _any_case(text: str, rng: random.Random) -> str:
    return "".join(rng.choice((letter.upper(), letter)) for letter in text)


class Case:
    """A problem of one world, and plans of it."""

    def __init__(self, number: int, worlds: list[World], seed: int) -> None:
        rng = self.rng = random.Random(f"{seed}.{number}")
        grammar: Grammar | None = None
        if rng.random() < RANDOM_SHARE:
            self.world, grammar = random_world(rng.getrandbits(40))
        else:
            self.world = worlds[number % len(worlds)]
        self.domain = parse_domain(self.world.domain)
        made = self.world.make(rng)
        open_text = with_goal(made, "(and)")
        start = parse_problem(open_text, self.domain)
        self.base = walk(self.domain, start, rng.choice((0, 1, 2, 3, 5, 8, 12, 20)), rng)
        self.problem_text = with_goal(open_text, goal_after(self.domain, start, self.base, rng))
        if grammar and rng.random() < 0.7:
            self.problem_text = self._formula_goal(open_text, grammar)
        if self.world.solve and rng.random() < 0.5:
            self.problem_text = made
            self.base = list(read_plan("\n".join(self.world.solve(made))).actions)
        if rng.random() < 0.1:
            self.world = replace(self.world, domain=_any_case(self.world.domain, rng))
            self.problem_text = _any_case(self.problem_text, rng)
            self.domain = parse_domain(self.world.domain)
        self.problem = parse_problem(self.problem_text, self.domain)

    def _formula_goal(self, open_text: str, grammar: Grammar) -> str:
        """A random formula; rather one that the walk reaches."""
        objects = [
            (name, "|".join(kinds)) for name, kinds in parse_problem(open_text, self.domain).objects.items()
        ]
        text = open_text
        for _ in range(4):
            condition = grammar.condition(
                self.rng.randint(0, 3), objects, grammar.predicates | grammar.derived
            )
            text = with_goal(open_text, condition)
            if validate(self.domain, parse_problem(text, self.domain), self.base).valid:
                break
        return text

    def plans(self, count: int) -> Iterator[tuple[str, str]]:
        """Plans with what was done to them."""
        arities = {name: len(schema.parameters) for name, schema in self.domain.actions.items()}
        words = Words(arities, list(self.problem.objects))
        kinds, layouts = list(CHANGES), list(LAYOUTS)
        for number in range(count):
            plan = self.base
            if number % 4 == 3:
                plan = walk(self.domain, self.problem, self.rng.randint(0, 8), self.rng)
            if number % 9 == 0:
                lines, kind = written(steps_of(plan)), "none"
            else:
                kind = self.rng.choice(kinds)
                lines = mutated(plan, kind, words, self.rng)
            layout = "plain" if self.rng.random() < 0.7 else self.rng.choice(layouts)
            yield f"{kind}, {layout}", LAYOUTS[layout](lines, self.rng)


def explained(ours: Answer, other: str, theirs: Answer, world: World) -> str:
    """The rule that explains a disagreement; "" if none does."""
    if other == "VAL" and ours.fault == "arity" and theirs.verdict == "valid":
        return "VAL ignores arguments that are too many"
    if other == "VAL" and ours.fault == "unknown-object" and theirs.verdict == "valid":
        return "VAL takes an object that is not there for one of which nothing is true"
    if other == "kairos" and _hides_a_parameter(parse_domain(world.domain)):
        return "kairos confuses a parameter of a derived predicate with a quantified variable of its name"
    if other == "VAL" and theirs.fault == "unreadable" and world.strange:
        return "VAL cannot read an action without precondition, or with an (and ...) in an (and ...)"
    return ""


def _hides_a_parameter(domain: Domain) -> bool:
    return any(
        {variable.name for variable in rule.parameters} & set(_quantified(rule.condition))
        for stratum in domain.strata
        for rule in stratum
    )


def _quantified(formula: Formula) -> Iterator[str]:
    match formula:
        case Exists(variables=variables, part=part) | Forall(variables=variables, part=part):
            yield from (variable.name for variable in variables)
            yield from _quantified(part)
        case And(parts) | Or(parts):
            for part in parts:
                yield from _quantified(part)
        case Not(part):
            yield from _quantified(part)


def run_case(case: Case, plans: int, use_val: bool) -> dict[str, Any]:
    """Ask all; the row of a problem."""
    row: dict[str, Any] = {
        "world": case.world.name,
        "plans": 0,
        "counts": {},
        "disagreements": [],
        "silences": [],
    }
    counts: Counter[str] = Counter()
    texts = {"domain": case.world.domain, "problem": case.problem_text}
    try:
        theirs: Kairos | None = Kairos(case.world.domain, case.problem_text)
    except kairos.PddlError as error:
        theirs = None
        row["disagreements"].append({"who": "kairos", "about": "problem", "said": str(error)[:300], **texts})
    naive = Naive(case.domain, case.problem)
    for_val: list[tuple[str, str, Answer]] = []
    for kind, plan in case.plans(plans):
        actions = read_plan(plan).actions
        judged = validate(case.domain, case.problem, actions)
        ours = Answer(
            "valid" if judged.valid else "invalid",
            judged.fault.value if judged.fault else "",
            judged.step,
            judged.reason,
        )
        row["plans"] += 1
        counts[f"ours {ours.fault or 'valid'}"] += 1
        fault, step = naive.judge(actions)
        plain = Answer("invalid" if fault else "valid", fault, step)
        if (plain.fault, plain.step) != (ours.fault, ours.step):
            row["disagreements"].append(
                {"who": "naive", "about": kind, "ours": vars(ours), "theirs": vars(plain), "plan": plan}
                | texts
            )
        if theirs:
            _compare("kairos", kind, plan, ours, theirs.judge(plan), row, counts, case.world, texts)
        if use_val and (judged.fault not in DEADLY or case.rng.random() < DEADLY_SHARE):
            for_val.append((kind, plan, ours))
    if for_val:
        # a plan that VAL cannot read may harm those after it, so each of these gets a process of its own
        tame = [one for one in for_val if one[2].fault not in DEADLY]
        groups = [tame, *([one] for one in for_val if one[2].fault in DEADLY)]
        for_val = [one for group in groups for one in group]
        answers = [
            answer
            for group in groups
            for answer in ask_val(case.world.domain, case.problem_text, [plan for _, plan, _ in group])
        ]
        for (kind, plan, ours), answer in zip(for_val, answers, strict=True):
            _compare("VAL", kind, plan, ours, answer, row, counts, case.world, texts)
    row["counts"] = dict(sorted(counts.items()))
    return row


def _compare(
    who: str,
    kind: str,
    plan: str,
    ours: Answer,
    theirs: Answer,
    row: dict[str, Any],
    counts: Counter[str],
    world: World,
    texts: dict[str, str],
) -> None:
    counts[f"{who} {theirs.verdict}"] += 1
    if who == "kairos" and ours.fault and theirs.verdict == "invalid":
        counts[_of_faults(ours, theirs)] += 1
    if theirs.verdict == ours.verdict:
        return
    rule = explained(ours, who, theirs, world)
    about = {"who": who, "about": kind, "ours": vars(ours), "theirs": vars(theirs), "plan": plan}
    if theirs.verdict == "error":
        counts[f"{who} gives no answer{' (strange)' * world.strange}: {theirs.said}"] += 1
        if not world.strange and not row["silences"]:
            row["silences"].append(about | texts)
    elif rule:
        counts[rule] += 1
    else:
        row["disagreements"].append(about | texts)


def _of_faults(ours: Answer, theirs: Answer) -> str:
    """How the reasons of two that both reject a plan go together."""
    if ours.fault == theirs.fault and (ours.fault == "goal" or ours.step == theirs.step):
        return "kairos names the same fault and step"
    if theirs.fault in map(str, DEADLY) and (theirs.step or 0) > (ours.step or 0):
        return "kairos looks at the words of all steps first, and names a later one"
    return f"kairos names {theirs.fault} where we name {ours.fault}"


def main() -> int:
    """Run or show."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    options.add_argument("--plans", type=int, default=20_000)
    options.add_argument("--out", type=Path, default=Path("runs/crosscheck"))
    options.add_argument("--seed", type=int, default=0)
    options.add_argument("--without-val", action="store_true")
    options.add_argument("--show", type=Path)
    args = options.parse_args()
    if args.show:
        return show(args.show)
    args.out.mkdir(parents=True, exist_ok=True)
    file = args.out / "rows.jsonl"
    done = _whole_rows(file)
    worlds = [*WORLDS, *registered()]
    started = time.monotonic()
    with file.open("a", encoding="utf-8") as rows:
        for number in range(done, -(-args.plans // A_PROBLEM)):
            before = time.process_time()
            row = run_case(Case(number, worlds, args.seed), A_PROBLEM, not args.without_val)
            row = {"number": number, **row, "cpu": round(time.process_time() - before, 4)}
            rows.write(json.dumps(row) + "\n")
            rows.flush()
            if number % 100 == 99:
                wall = time.monotonic() - started
                print(f"{(number + 1) * A_PROBLEM} plans, {wall:.0f} s", file=sys.stderr, flush=True)
    return show(args.out)


def _whole_rows(file: Path) -> int:
    """Rows that are there; a torn last one is cut off."""
    if not file.exists():
        return 0
    data = file.read_bytes()
    whole = data.rfind(b"\n") + 1
    if whole < len(data):
        with file.open("r+b") as cut:
            cut.truncate(whole)
    return data.count(b"\n")


def show(folder: Path) -> int:
    """Print the sums; 1 if a disagreement is not explained."""
    counts: Counter[str] = Counter()
    worlds: Counter[str] = Counter()
    open_ones: list[dict[str, Any]] = []
    silences: list[dict[str, Any]] = []
    plans = problems = 0
    with (folder / "rows.jsonl").open(encoding="utf-8") as rows:
        for line in rows:
            row = json.loads(line)
            problems += 1
            plans += row["plans"]
            counts.update(row["counts"])
            worlds["random" if row["world"].startswith("random-") else row["world"]] += row["plans"]
            open_ones += row["disagreements"]
            silences += row["silences"]
    print(f"{plans} plans of {problems} problems")
    for title, table in (("domain", worlds), ("answer", counts)):
        print(f"\n| {title} | plans |\n|---|---|")
        for name, count in sorted(table.items()):
            print(f"| {name} | {count} |")
    print(f"\n{len(open_ones)} disagreements that no rule explains")
    for name, found in (("disagreements", open_ones), ("silences", silences)):
        (folder / f"{name}.json").write_text(json.dumps(found, indent=1), encoding="utf-8")
    return 1 if open_ones else 0


if __name__ == "__main__":
    sys.exit(main())
