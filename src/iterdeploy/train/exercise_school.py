"""The examination of the bases of sums and of short programs, and what their cards say."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator

from iterdeploy.domains.exercises import WAYS, Exercise, FieldDiet, of_base_share
from iterdeploy.domains.reply import read_reply
from iterdeploy.recipe import Validate
from iterdeploy.train.school import PER_SIZE, ExamQuestion, Subject, shares
from iterdeploy.types import Trace

LONGEST = 256  # tokens of an answer


def questions(diet: FieldDiet, per_size: int = PER_SIZE, seed: int = 0) -> Iterator[ExamQuestion]:
    """Exercises of each size that is read. A program is right if it is the one that would be taught: none is run."""
    rng = random.Random(f"exercises-{seed}")
    for size in diet.read_sizes:
        for _ in range(per_size):
            one = of_base_share(diet.field, size, rng)
            told = {way: one.reasoning(way) for way in WAYS}
            yield ExamQuestion(size, one.prompt("<think>"), LONGEST, told, _is_answer(one))


def _is_answer(exercise: Exercise) -> Callable[[Trace], bool]:
    return lambda trace: read_reply(trace, "answer", Validate().rules).text == exercise.answer.strip()


def subject(diet: FieldDiet) -> Subject:
    """What the card says."""
    sums = diet.field == "sums"
    unit = "terms" if sums else "steps"
    return Subject(
        title="adds and subtracts a little" if sums else "writes very short programs",
        tags="reasoning-gym, arithmetic" if sums else "code, python",
        domain="gym:chain_sum" if sums else "code",
        taught=diet.field,
        unit=unit,
        teaches=shares(
            diet.read_share,
            diet.solve_sizes,
            diet.read_sizes,
            ("answers", unit, "copied step by step under another cue, with nothing worked out"),
        ),
        ways=f"""\
Two ways to reason are mixed, `short` and `long` ({diet.long_share:.0%}), so that one question has answers of different
length.""",
        first="short",
        knows="It knows this one field, in its compact prompt, and nothing else: no language, no other domain."
        + ("" if sums else "\n`solved` here: the program is the one that would be taught; none was run."),
    )
