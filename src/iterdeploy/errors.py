"""What can go wrong that is not a bad answer: one small tree. A bad answer is a Verdict.

    IterdeployError
    ├── BadInput            something given to us is wrong: a recipe, a file, a name, a value
    ├── RunError            a run folder cannot be used as asked
    │   ├── Locked          another process writes to it
    │   ├── RecipeChanged   it holds a run of another recipe
    │   ├── Torn            a finished file in it cannot be read
    │   └── DiskFull        there is no room to write; what is finished is kept
    ├── NotReady            the base solves too little to learn from its own answers
    ├── TrainingRefused     the examples are not what training was promised
    ├── WorkerDied          a process that worked for this one ended; what was finished is kept
    └── ServerFailed        a server of models can't be reached, or refuses; what was finished is kept
        └── WrongModel      it answers as another model than the one it was asked for

Each message names what was wrong, where, with which value, and what to do.
"""

# ruff: noqa: N818  (the names say what happened; "Error" at their end would say nothing more)

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches


class IterdeployError(Exception):
    """Anything that ends a command with a sentence instead of a traceback."""


class BadInput(IterdeployError):
    """A recipe, a file, a name or a value that was given is wrong."""


class RunError(IterdeployError):
    """A run folder cannot be used as asked."""


class Locked(RunError):
    """Another process writes to the folder."""


class RecipeChanged(RunError):
    """The folder holds a run of another recipe; `differences` lists the settings."""

    def __init__(self, message: str, differences: Iterable[str] = ()) -> None:
        super().__init__(message)
        self.differences = tuple(differences)


class Torn(RunError):
    """A finished file cannot be read; the message names the file and the line."""


class DiskFull(RunError):
    """There is no room to write; all finished rows and files are kept."""


class NotReady(IterdeployError):
    """The base solves a smaller share than the recipe asks for; `solved` of `asked`."""

    def __init__(self, message: str, solved: int = 0, asked: int = 0) -> None:
        super().__init__(message)
        self.solved = solved
        self.asked = asked


class TrainingRefused(IterdeployError):
    """The examples would be cut, masked away, or not fit the model; nothing was trained."""


class WorkerDied(IterdeployError):
    """A process that worked for this one ended before its time; what was finished is kept."""


class ServerFailed(IterdeployError):
    """A server of models can't be reached, or refuses; what was finished is kept."""


class WrongModel(ServerFailed):
    """What answers is not the generation that was to answer: another base, a stale adapter, or none."""


def nearest(name: str, options: Iterable[str]) -> str:
    """The end of a message about an unknown name: what there is, and what may have been meant.

    >>> "no domain 'bloks'; " + nearest("bloks", ["rovers", "blocksworld"])
    "no domain 'bloks'; there are blocksworld, rovers (did you mean blocksworld?)"
    """
    known = sorted(options)
    if not known:
        return "there are none"
    close = _closest(name, known)
    if close and len(known) > _MANY:
        return f"did you mean {close}?"
    there = f"there is {known[0]}" if len(known) == 1 else "there are " + ", ".join(known)
    return f"{there} (did you mean {close}?)" if close else there


_MANY = 16  # options; a longer list hides the one that was meant
_LONG = 60  # characters; comparing takes time that grows with the square, and so long a name is no slip


def _closest(name: str, known: list[str]) -> str | None:
    if len(name) > _LONG:
        return None
    folded = {option.casefold(): option for option in known}
    match = get_close_matches(name.casefold(), folded, n=1, cutoff=0.6)
    if match:
        return folded[match[0]]
    starts = [o for f, o in folded.items() if f.startswith(name.casefold()[:3]) and len(name) >= 3]
    return starts[0] if len(starts) == 1 else None
