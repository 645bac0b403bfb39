"""Texts that nobody would write, as domain, problem, plan and answer: each must be read or refused, in linear time.

    python experiments/validator/fuzz.py --seconds 300 [--seed N]
    python experiments/validator/fuzz.py --inputs 3000

Prints what was found: anything but valid, invalid or bad input, and the slowest texts for their length.
"""

from __future__ import annotations

import argparse
import random
import sys
import time
from collections import Counter
from collections.abc import Callable

from grammar import random_world
from worlds import WORLDS

from iterdeploy.audit.answers import (
    FREIGHT,
    FREIGHT_PROBLEM,
    LAMPS,
    LAMPS_PROBLEM,
    RIGHT,
    TOWER,
    TOWER_PROBLEM,
)
from iterdeploy.errors import BadInput
from iterdeploy.pddl import ALL_RULES, extract, parse_domain, parse_problem, read_plan, validate
from iterdeploy.pddl.errors import PddlError
from iterdeploy.pddl.outline import outline_of_domain, outline_of_problem
from iterdeploy.types import Fault

SEEDS = [
    (TOWER, TOWER_PROBLEM, RIGHT),
    (FREIGHT, FREIGHT_PROBLEM, RIGHT),
    (LAMPS, LAMPS_PROBLEM.format("(home)"), "(go x)\n"),
]
_WORDS = (
    "( ) (( )) () ; - ? ?x : :action :parameters :precondition :effect :init :goal :objects :types :constants :derived"
    " :predicates :functions :requirements :metric define domain problem and or not imply exists forall when = < > <="
    " either object number increase total-cost assign at over start end 0 1 1.5 -1 1e9 0: [1] [ ] { } {0} {} %s \\"
    " <plan> </plan> <think> </think> ``` ` ** * - 1. 2) Step wait oops , . ; ;; plan: (a) (a b c d e f g h) a b k"
    " \u212a \uff41 \u0430 \u200b \ufeff \x00 \x1b \x7f \u2028 \r \r\n \n \t \x0b \xa0 \U0001d41a e\u0301 \ud800"
)
WORDS = _WORDS.split(" ")
LONGEST = 60_000  # characters: a text is now and then blown up to this
FLOOR = 0.05  # CPU seconds below which a time says nothing
SLOW = 40e-6  # CPU seconds a character; reading takes less than one


def changed(text: str, rng: random.Random) -> str:
    """A text with some stretches of it cut, doubled, moved or replaced."""
    for _ in range(rng.choice((1, 1, 2, 4, 8))):
        i, j = sorted(rng.randint(0, len(text)) for _ in range(2))
        if rng.random() < 0.7:
            j = min(j, i + rng.choice((0, 1, 3, 10, 40)))
        part = text[i:j]
        new = rng.choice(
            (
                "",
                part + part,
                part[::-1],
                rng.choice(WORDS),
                " ".join(rng.choices(WORDS, k=rng.randint(1, 8))),
                part.upper(),
                chr(rng.choice((rng.randint(0, 255), rng.randint(0, 0x10FFFF)))),
                rng.choice(WORDS) * rng.choice((1, 2, 50, 300)),
            )
        )
        text = text[:i] + new + text[j:]
    if rng.random() < 0.03 and text:
        text = (text[rng.randrange(len(text)) :] + " ") * (LONGEST // len(text))
    return text[: 2 * LONGEST]


def judged(domain: str, problem: str, plan: str) -> str:
    """Valid, invalid or bad input, as `iterdeploy validate` answers."""
    try:
        read = parse_domain(domain)
        wanted = parse_problem(problem, read)
    except BadInput:
        return "bad input"
    try:
        actions = read_plan(plan).actions
    except PddlError as error:
        return "invalid" if error.line >= 1 <= error.column else "no place"
    found = validate(read, wanted, actions)
    assert found.valid == (found.fault is None) == (not found.reason)
    assert len(found.reason) < 5000 + len(domain) + len(problem)
    return "valid" if found.valid else "invalid"


def extracted(domain: str, text: str) -> str:
    """What came of reading a plan from an answer."""
    found = extract(text, parse_domain(domain), ALL_RULES)
    assert found.fault in (None, Fault.NO_PLAN, Fault.AMBIGUOUS, Fault.SYNTAX)
    return found.fault or "a plan"


def outlined(domain: str, problem: str) -> str:
    """What came of the outline that VAL's plans are read by."""
    try:
        outline_of_problem(problem, outline_of_domain(domain))
    except BadInput:
        return "bad input"
    return "an outline"


class Fuzzer:
    """Draws texts, notes what came of them."""

    def __init__(self, seed: int) -> None:
        self.rng = random.Random(seed)
        self.counts: Counter[str] = Counter()
        self.failures: list[str] = []
        self.slowest: list[tuple[float, int, str]] = []

    def once(self) -> None:
        """One text of each kind."""
        rng = self.rng
        domain, problem, plan = self._seed_texts()
        what = rng.choice(("domain", "problem", "plan", "answer", "all"))
        if what in ("domain", "all"):
            domain = changed(domain, rng)
        if what in ("problem", "all"):
            problem = changed(problem, rng)
        if what in ("plan", "all"):
            plan = changed(plan, rng)
        if what == "answer":
            text = changed(f"<think>so (pick-up a)</think>\nPlan:\n<plan>\n{plan}</plan>\nDone.", rng)
            self._try("answer", lambda: extracted(TOWER, text), text)
        else:
            self._try(what, lambda: judged(domain, problem, plan), "\n".join((domain, problem, plan)))
            if what != "plan":
                self._try("outline", lambda: outlined(domain, problem), domain + problem)

    def _seed_texts(self) -> tuple[str, str, str]:
        rng = self.rng
        if rng.random() < 0.5:
            return rng.choice(SEEDS)
        world = random_world(rng.getrandbits(40))[0] if rng.random() < 0.5 else rng.choice(WORLDS)
        return world.domain, world.make(rng), RIGHT

    def _try(self, what: str, act: Callable[[], str], text: str) -> None:
        before = time.process_time()
        try:
            answer = act()
        except Exception as error:  # all that a fuzzer looks for
            answer = f"{type(error).__name__}: {error!s:.200}"
            self.failures.append(f"{what}: {answer}\n{text!r:.3000}")
        spent = time.process_time() - before
        self.counts[f"{what}: {answer if len(answer) < 20 else 'failure'}"] += 1
        if spent > FLOOR and spent / (len(text) + 1000) > SLOW:
            self.slowest = sorted([*self.slowest, (spent, len(text), f"{what}: {text!r:.2000}")])[-5:]


def main() -> int:
    """Run for a time or a number of inputs; 1 if anything was found."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    options.add_argument("--seconds", type=float, default=60)
    options.add_argument("--inputs", type=int, default=0)
    options.add_argument("--seed", type=int, default=0)
    args = options.parse_args()
    fuzzer, started, done = Fuzzer(args.seed), time.monotonic(), 0
    while done < args.inputs if args.inputs else time.monotonic() - started < args.seconds:
        fuzzer.once()
        done += 1
    for name, count in sorted(fuzzer.counts.items()):
        print(f"{count:8} {name}")
    for failure in fuzzer.failures[:10]:
        print(f"\nFAILURE {failure}")
    for spent, length, text in fuzzer.slowest:
        print(f"\nSLOW {spent:.2f} CPU seconds for {length} characters: {text}")
    print(f"{done} inputs, {len(fuzzer.failures)} failures, {len(fuzzer.slowest)} slow")
    return 1 if fuzzer.failures or fuzzer.slowest else 0


if __name__ == "__main__":
    sys.exit(main())
