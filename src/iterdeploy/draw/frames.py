"""A plan as frames: the state before its first step, and after each one; a step that fails is marked and ends it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from iterdeploy.draw import maps, relations, room, towers
from iterdeploy.draw.scene import Drawing, Painter, Scene, by_predicate, changing
from iterdeploy.draw.svg import document
from iterdeploy.pddl import Action, Domain, Judgement, Problem, validate
from iterdeploy.pddl.conditions import State
from iterdeploy.pddl.lexer import fold
from iterdeploy.pddl.steps import blueprints

MOST = 60  # frames
BUDGET = 10_000  # objects drawn in all frames together
FEWEST = 6  # frames, however many objects there are

Mark = Literal["", "failed", "missed", "reached"]


@dataclass(frozen=True, slots=True)
class Frame:
    """One state of a plan. `action` led to it; of a failed frame, it could not be done there."""

    number: int  # steps done; of a failed frame, the number of the step that fails
    action: str  # "(stack a b)"; empty for the start
    body: str  # SVG, over the backdrop
    mark: Mark
    note: str  # why a plan failed, on the frame where it did


@dataclass(frozen=True, slots=True)
class Frames:
    """The frames of a plan, some left out of a long one; all have the same size and backdrop."""

    frames: tuple[Frame, ...]
    drawing: Drawing
    steps: int  # of the plan
    judgement: Judgement

    @property
    def left_out(self) -> int:
        """Frames of the plan, up to its end or its failure, that are not drawn."""
        return self.frames[-1].number + 1 - len(self.frames)

    def svg(self, frame: Frame) -> str:
        """One frame as a picture of its own."""
        drawn = self.drawing
        return document(drawn.width, drawn.height, drawn.backdrop, frame.body, title=frame.action or "start")


def painter_of(domain: Domain) -> Painter:
    """What draws a domain best, judged by its predicates alone."""
    return next((one.paint for one in (towers, room, maps) if one.can_paint(domain)), relations.paint)


def draw_state(domain: Domain, problem: Problem, atoms: frozenset[str] | None = None) -> str:
    """A state as SVG, the initial one unless atoms such as "on a b" are given."""
    state = State(domain, problem)
    if atoms is not None:
        state.atoms = set(atoms)
    drawn = painter_of(domain)(_scene(domain, problem, [frozenset(state.true)], ()))
    return document(drawn.width, drawn.height, drawn.backdrop, *drawn.bodies, title=problem.name)


def _scene(
    domain: Domain, problem: Problem, states: Sequence[frozenset[str]], actions: Sequence[Action]
) -> Scene:
    """The states, and apart from them what no action changes: that may be most of it, and is read once."""
    moving = changing(domain)
    always = frozenset(atom for atom in states[0] if atom.partition(" ")[0] not in moving)
    return Scene(
        domain, problem, by_predicate(always), tuple(state - always for state in states), tuple(actions)
    )


def draw_plan(domain: Domain, problem: Problem, plan: Sequence[Action], most: int = MOST) -> Frames:
    """The frames of a plan, valid or not, up to its first failing step; at most `most` of them.

    Of a longer plan its beginning and its end are drawn. A plan is never an error, whatever it holds.
    """
    judgement = validate(domain, problem, plan)
    done = len(plan) if judgement.step is None else judgement.step - 1
    fewer = max(FEWEST, BUDGET // max(1, len(problem.objects)))
    numbers = _chosen(done + 1, max(2, min(most, fewer) - (judgement.step is not None)))
    states = _states(domain, problem, plan[:done], numbers)
    if judgement.step is not None:
        states.append(states[-1])
    drawn = painter_of(domain)(_scene(domain, problem, states, [plan[n - 1] for n in numbers if n]))
    frames = [
        Frame(n, str(plan[n - 1]) if n else "", body, "", "")
        for n, body in zip(numbers, drawn.bodies, strict=False)
    ]
    if judgement.step is not None:
        failing = str(plan[judgement.step - 1])
        frames.append(Frame(judgement.step, failing, drawn.bodies[-1], "failed", judgement.reason))
    else:
        last = frames[-1]
        mark: Mark = "reached" if judgement.valid else "missed"
        frames[-1] = Frame(last.number, last.action, last.body, mark, judgement.reason)
    return Frames(tuple(frames), drawn, len(plan), judgement)


def _chosen(count: int, most: int) -> list[int]:
    """The numbers below `count` that are kept: all, or two thirds from the beginning and one from the end."""
    if count <= most:
        return list(range(count))
    first = max(1, most * 2 // 3)
    return [*range(first), *range(count - (most - first), count)]


def _states(
    domain: Domain, problem: Problem, plan: Sequence[Action], wanted: Sequence[int]
) -> list[frozenset[str]]:
    """The states after so many steps of a plan whose steps can all be done."""
    state, keep = State(domain, problem), set(wanted)
    kept = [frozenset(state.true)]
    known = blueprints(domain)
    for number, action in enumerate(plan, 1):
        known[fold(action.name)].fill_in(tuple(map(fold, action.args))).apply(state)
        if number in keep:
            kept.append(frozenset(state.true))
    return kept
