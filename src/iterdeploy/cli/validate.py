"""`iterdeploy validate`: judge a plan file, without a run or a model."""

from __future__ import annotations

import argparse
from dataclasses import asdict
from pathlib import Path

from iterdeploy.cli.arguments import Commands, add_json, print_json
from iterdeploy.errors import BadInput

VALID, INVALID = 0, 1


def add(commands: Commands) -> None:
    """Add `validate` to the command line."""
    validate = commands.add_parser(
        "validate", help="judge a plan file: exit 0 valid, 1 invalid, 2 bad input, 3 a failure of ours"
    )
    validate.add_argument("domain", type=Path, metavar="DOMAIN", help="a PDDL domain file")
    validate.add_argument("problem", type=Path, metavar="PROBLEM", help="a PDDL problem file")
    validate.add_argument("plan", type=Path, metavar="PLAN", help='a plan, one "(action arg ...)" a line')
    add_json(validate)
    validate.set_defaults(act=act)


def act(args: argparse.Namespace) -> int:
    """Print the judgement; the exit code is its short form."""
    from iterdeploy.cli.words import count
    from iterdeploy.pddl import PddlError, parse_domain, parse_problem, read_plan, validate

    file = args.domain
    try:
        domain = parse_domain(_text(file))
        file = args.problem
        problem = parse_problem(_text(file), domain)
        file = args.plan
        plan = read_plan(_text(file))
    except PddlError as cause:
        raise BadInput(f"{file}: {cause}") from cause
    judgement = validate(domain, problem, plan.actions)
    line = plan.place(judgement.step)[0] if judgement.step else None
    if args.json:
        print_json({**asdict(judgement), "line": line})
    elif judgement.valid:
        print(f"valid, {count(judgement.cost, 'step')}")
    else:
        print(f"not valid: {judgement.reason}" + (f" ({args.plan}, line {line})" if line else ""))
    return VALID if judgement.valid else INVALID


def _text(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8")
    except OSError as cause:
        raise BadInput(f"cannot read {file}: {cause.strerror}") from cause
    except UnicodeDecodeError as cause:
        raise BadInput(f"{file} is not UTF-8 text: {cause}") from cause
