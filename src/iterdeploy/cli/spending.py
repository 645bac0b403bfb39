"""What the answers of a server took, in a few lines for a person."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from iterdeploy.cli.words import count

if TYPE_CHECKING:
    from iterdeploy.store import Run


def spending_lines(run: Run) -> list[str]:
    """The lines of a run; none without a server."""
    from iterdeploy.models.spending import spending_of

    return lines_of(spending_of(run.path))


def lines_of(spent: Mapping[str, Any] | None) -> list[str]:
    """Answers, tokens and cost; then whatever changed at the server meanwhile."""
    if not spent:
        return []
    reasoning = f", {spent['reasoning_tokens']:,} of them reasoning" if spent["reasoning_tokens"] else ""
    cost = f"; cost {spent['cost']:,.4f}" if spent["cost"] else ""
    lines = [
        f"server    {count(spent['answers'], 'answer')} of {', '.join(spent['models']) or 'a model without a name'}: "
        f"{spent['prompt_tokens']:,} tokens read, {spent['completion_tokens']:,} answered{reasoning}{cost}"
    ]
    if spent["estimated"]:
        lines.append(
            f"          {spent['estimated']} of them without counts by the server: the most it can be"
        )
    if len(spent["fingerprints"]) > 1:
        lines.append(
            f"          system_fingerprint changed: {', '.join(spent['fingerprints'])}; answers may differ for it"
        )
    return lines
