"""docs/cli.md, from the parser itself: `python -m iterdeploy.cli.page > docs/cli.md`."""

from __future__ import annotations

import argparse
from collections.abc import Iterator

OPENING = """# The command line

This page is made from the parser (`python -m iterdeploy.cli.page > docs/cli.md`); a test keeps the two equal.

Exit codes: 0 done; 1 `validate` found the plan invalid, `check` a broken promise, `doctor` something wrong;
2 bad input, with one message on standard error; 3 a failure of the program; 130 interrupted, all kept.
"""


def page() -> str:
    """The whole page."""
    from iterdeploy.cli.main import parser

    names = commands(parser())
    rows = [f"| [`{name}`](#{name}) | {claim} |" for name, (claim, _) in names.items()]
    table = "\n".join(["| command | |", "|---|---|", *rows])
    return (
        "\n\n".join([OPENING + "\n" + table, *(_section(name, *entry) for name, entry in names.items())])
        + "\n"
    )


def commands(parser: argparse.ArgumentParser) -> dict[str, tuple[str, argparse.ArgumentParser]]:
    """Each command with its one-line claim and its own parser."""
    sub = next(a for a in parser._actions if isinstance(a, argparse._SubParsersAction))
    claims = {choice.dest: choice.help or "" for choice in sub._choices_actions}
    return {name: (claims[name], command) for name, command in sub.choices.items()}


def _section(name: str, claim: str, command: argparse.ArgumentParser) -> str:
    shown = [
        action for action in command._actions if action.help != argparse.SUPPRESS and action.dest != "help"
    ]
    words = " ".join(["iterdeploy", name, *map(_usage, shown)])
    parts = [f"## {name}", _sentence(claim), f"```\n{words}\n```", *_table(shown)]
    return "\n\n".join(parts)


def _sentence(claim: str) -> str:
    return claim[:1].upper() + claim[1:] + "."


def _usage(action: argparse.Action) -> str:
    """An argument as it is written: in brackets if it may be left out, with dots if it may be repeated."""
    words = " ".join([*action.option_strings[-1:], *_value(action)])
    if action.nargs == "+":
        return f"{words}..."
    may_be_left_out = not action.required or action.nargs == "?"
    repeated = "..." if isinstance(action, argparse._AppendAction) else ""
    return f"[{words}]{repeated}" if may_be_left_out else words


def _value(action: argparse.Action) -> list[str]:
    if action.nargs == 0:
        return []
    if action.choices:
        return ["{" + ",".join(map(str, action.choices)) + "}"]
    return [str(action.metavar or action.dest.upper())]


def _table(shown: list[argparse.Action]) -> Iterator[str]:
    if shown:
        rows = [f"| `{_name(action)}` | {action.help} |" for action in shown]
        yield "\n".join(["| argument | |", "|---|---|", *rows])


def _name(action: argparse.Action) -> str:
    return " ".join([*action.option_strings[-1:], *_value(action)]).replace("|", "\\|")


if __name__ == "__main__":
    print(page(), end="")
