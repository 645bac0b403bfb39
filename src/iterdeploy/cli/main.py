"""The parser, and the one place where an error becomes a message and an exit code."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence

from iterdeploy.cli import (
    audit,
    begin,
    check,
    compare,
    doctor,
    explain,
    export,
    make_base,
    plan,
    report,
    run,
    show,
    status,
    steps,
    tasks,
    validate,
    watch,
)
from iterdeploy.errors import IterdeployError

DONE, BAD_INPUT, OUR_FAILURE, INTERRUPTED = 0, 2, 3, 130
COMMANDS = (
    *(run, plan, status, watch, show, explain, report, compare, export),
    *(begin, steps, tasks, validate, audit, check, make_base, doctor),
)


def parser() -> argparse.ArgumentParser:
    """The whole command line, for argparse and for docs/cli.md."""
    top = argparse.ArgumentParser(
        prog="iterdeploy",
        description="Deploy a language model, validate its answers, curate the good ones, train the next "
        "generation on them, and deploy it again.",
        allow_abbrev=False,
    )
    top.add_argument("--version", action="version", version=_version())
    commands = top.add_subparsers(title="commands", metavar="COMMAND", required=True)
    for command in COMMANDS:
        command.add(commands)
    return top


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command; 0 done, 2 bad input, 3 a failure of ours, 130 interrupted; `validate` and `audit` add 1."""
    try:
        args = parser().parse_args(argv)
        code = _acted(args)
        sys.stdout.flush()
        return code
    except IterdeployError as error:
        print(f"iterdeploy: {error}", file=sys.stderr)
        return BAD_INPUT
    except KeyboardInterrupt:
        print("iterdeploy: interrupted", file=sys.stderr)
        return INTERRUPTED
    except BrokenPipeError:  # the reader, such as `head`, has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return DONE
    except Exception:
        import traceback

        traceback.print_exc()
        print("iterdeploy: a failure of the program or of a plug-in, not of your input", file=sys.stderr)
        return OUR_FAILURE


def _acted(args: argparse.Namespace) -> int:
    """The command's exit code; a plug-in that ends the program has not carried it out."""
    try:
        code: int = args.act(args)
    except SystemExit as cause:
        raise RuntimeError(f"a plug-in ended the program with {cause!r}") from cause
    return code


def _version() -> str:
    from iterdeploy import __version__

    return f"iterdeploy {__version__}"
