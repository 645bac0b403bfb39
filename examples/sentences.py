"""A domain for a real pretrained model: write a sentence of so many words with a given word in it.

A model that can write begins with a sentence that has the right length by chance, and any such sentence is valid, so
there is something to learn and something to choose from. `iterdeploy check sentences:Sentences --sizes 5,6,7`;
pretrained.py makes the base.
"""

import re
from collections import Counter
from collections.abc import Sequence
from hashlib import sha256

from iterdeploy.types import Fault, Split, Task, Trace, Verdict

NOUNS = """
apple arm baby ball bank bed bell bird book bottle box bread bridge brother bus cake camera candle car castle chair
child church city clock cloud coat coffee corn cow cup dance desk dog door dress driver egg eye farm farmer father
field fire fish flag flower forest fox friend game garden girl glass gold grass guitar hand hat head hill horse
hospital hotel house ice island job key king kitchen knife lady lamp leaf letter library light lion map market milk
mirror moon morning mother mountain mouse movie music name night ocean office orange page paper park pen phone piano
picture pig plane poem pond prince queen rain ring river road rock room rope rose salt sand school sea shadow sheep
ship shirt shoe shop sister sky snow song soup spoon star stone story street sugar summer sun table tea teacher tent
tiger tower town toy train tree valley village voice wall watch water wind window winter wolf woman wood world
""".split()  # noqa: SIM905
SHOWN = (7, "boat", "We took the boat across the lake.")  # no task has this noun
_WORD = re.compile(r"[A-Za-z]+(?:['’-][A-Za-z]+)*[,;:]?")


def split_of(noun: str) -> Split:
    """Who may see a noun; no seed moves it, and no size."""
    return "deployed" if sha256(noun.encode()).digest()[0] < 160 else "heldout"


def turn(role: str, text: str) -> str:
    """One turn of a conversation, in the markup that SmolLM2 was taught."""
    return f"<|im_start|>{role}\n{text}<|im_end|>\n"


def question(size: int, noun: str) -> str:
    return turn("user", f"Write a sentence of {size} words with the word {noun}.")


class Sentences:
    """The domain: its tasks, and who judges. A task's size is the number of words, and so is the cost of an answer."""

    name = "sentences"

    def tasks(self, split: Split, count: int, sizes: Sequence[int], seed: int) -> list[Task]:
        there = [noun for noun in NOUNS if split_of(noun) == split]
        chosen: list[Task] = []
        for i, size in enumerate(sizes):
            wanted = count * (i + 1) // len(sizes) - count * i // len(sizes)
            if wanted > len(there):
                raise ValueError(f"there are {len(there)} {split} tasks of size {size}, not {wanted}")
            nouns = sorted(there, key=lambda noun: sha256(f"{seed} {size} {noun}".encode()).digest())
            chosen += [self.task(split, size, noun) for noun in nouns[:wanted]]
        return chosen

    def task(self, split: Split, size: int, noun: str) -> Task:
        words, shown, sentence = SHOWN
        example = question(words, shown) + turn("assistant", sentence)
        prompt = example + question(size, noun) + "<|im_start|>assistant\n"
        spec = {"noun": noun, "words": str(size)}
        return Task(f"{split}-{size}-{noun}", self.name, prompt, spec, split, size)

    def validate(self, task: Task, trace: Trace) -> Verdict:
        fault, reason, words = judge(trace, int(task.spec["words"]), task.spec["noun"])
        return Verdict(trace.id, "sentences", fault is None, len(words), fault, reason, tuple(words))


def judge(trace: Trace, size: int, noun: str) -> tuple[Fault | None, str, list[str]]:
    """What is wrong with an answer, in which words, and the words of its sentence as far as it is one."""
    text = trace.text.removesuffix("<|im_end|>").strip()
    if trace.finish == "length":
        return Fault.TRUNCATED, "the answer did not end", []
    if not text or text[-1] not in ".!?" or not text[0].isupper():
        return Fault.NO_PLAN, "the answer is no sentence from a capital letter to a full stop", []
    words = text[:-1].split(" ")
    if strange := [word for word in words if not _WORD.fullmatch(word)]:
        return Fault.SYNTAX, f"{strange[0][:30]!r} is no word", []
    plain = Counter(word.rstrip(",;:").lower() for word in words)
    if noun not in plain:
        return Fault.GOAL, f"the word {noun} is not in it", words
    if most := next((word for word, times in plain.items() if times > 2 and word not in ("a", "the")), ""):
        return Fault.PRECONDITION, f"the word {most} stands in it more than twice", words
    if len(words) != size:
        return Fault.GOAL, f"it has {len(words)} words, not {size}", words
    return None, "", words
