"""What a server's answers took: a row each in the run's server.jsonl, sums by generation, and a limit on the cost.

The file is beside the result and no part of it: answers that were paid for and then lost count too.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import msgspec

from iterdeploy.errors import ServerFailed
from iterdeploy.store import disk
from iterdeploy.store.rows import encode

FILE = "server.jsonl"


class CostReached(ServerFailed):
    """The next answer may go beyond the highest cost; finished answers are kept."""


@dataclass(frozen=True, slots=True)
class Spent:
    """One answer. Tokens are as the server counts them; `estimated` where it counted none."""

    trace_id: str  # "" for the question that a server is tried with
    generation: int
    model: str
    fingerprint: str
    prompt_tokens: int
    completion_tokens: int
    reasoning_tokens: int
    cost: float  # in the currency of the prices; 0 without prices
    estimated: bool
    seconds: float


def read_spending(run: Path) -> list[Spent]:
    """All rows of a run; a torn one, of a killed process, costs a figure and no result."""
    file = run / FILE
    found: list[Spent] = []
    for line in disk.read(file).split(b"\n") if file.exists() else []:
        with suppress(msgspec.DecodeError, UnicodeDecodeError):
            found.append(msgspec.json.decode(line, type=Spent))
    return found


def sums(rows: Iterable[Spent]) -> dict[str, Any]:
    """Answers, tokens and cost of these rows, and the fingerprints in the order in which they were first met."""
    held = list(rows)
    return {
        "answers": sum(1 for row in held if row.trace_id),
        "prompt_tokens": sum(row.prompt_tokens for row in held),
        "completion_tokens": sum(row.completion_tokens for row in held),
        "reasoning_tokens": sum(row.reasoning_tokens for row in held),
        "cost": round(sum(row.cost for row in held), 6),
        "estimated": sum(row.estimated for row in held),
        "models": list(dict.fromkeys(row.model for row in held if row.model)),
        "fingerprints": list(dict.fromkeys(row.fingerprint for row in held if row.fingerprint)),
    }


def spending_of(run: Path) -> Mapping[str, Any] | None:
    """What `status` shows: the sums of a run and of each generation; None for a run without a server."""
    rows = read_spending(run)
    if not rows:
        return None
    numbers = sorted({row.generation for row in rows})
    by = [{"number": n, **sums(row for row in rows if row.generation == n)} for n in numbers]
    return {**sums(rows), "generations": by}


class Spending:
    """Adds up, keeps rows once a run's folder is known, and lets nothing begin that may cost too much.

    Each answer under way reserves the most that it may cost, so that `most` holds whatever is answered.
    """

    def __init__(self, most: float = 0.0) -> None:
        self.most, self.cost = most, 0.0
        self._reserved: dict[int, float] = {}
        self._changed = threading.Condition()
        self._file: Path | None = None
        self._waiting: list[Spent] = []

    def keep_in(self, run: Path) -> None:
        """Count what the run has spent before, and write all rows there from now on."""
        with self._changed:
            self.cost += sum(row.cost for row in read_spending(run))
            self._file = run / FILE
            waiting, self._waiting = self._waiting, []
            for row in waiting:
                self._write(row)

    def reserve(self, cost: float) -> int:
        """Wait until there is room for so much; a ticket for `settle`. Raises CostReached if there will be none."""
        with self._changed:
            while self.most and self.cost + sum(self._reserved.values()) + cost > self.most:
                if not self._reserved:
                    raise CostReached(
                        f"{self.cost:.4f} are spent, and the next answer may cost {cost:.4f}: more than max_cost = "
                        f"{self.most:g}; finished answers are kept: start the same command again with a higher "
                        "--server-set max_cost=..., or with a smaller deploy.max_tokens in a new folder"
                    )
                self._changed.wait()
            ticket = max(self._reserved, default=0) + 1
            self._reserved[ticket] = cost
            return ticket

    def settle(self, ticket: int, row: Spent | None) -> None:
        """The answer of a ticket is there, or will not come (None)."""
        with self._changed:
            del self._reserved[ticket]
            if row is not None:
                self.cost += row.cost
                self._write(row)
            self._changed.notify_all()

    def _write(self, row: Spent) -> None:
        if self._file is None:
            self._waiting.append(row)
            return
        with disk.writing(self._file), open(self._file, "ab+") as file:
            file.seek(max(0, file.tell() - 1))
            torn = file.read(1) not in (b"", b"\n")  # a killed process may have left half a line
            file.write((b"\n" if torn else b"") + encode(asdict(row)))
