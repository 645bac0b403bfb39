"""`iterdeploy validate`: judge a plan file, without a run or a model."""

from __future__ import annotations

import argparse
from pathlib import Path

from iterdeploy.cli.arguments import Commands, add_json, print_json


def add(commands: Commands) -> None:
    """Add `validate` to the command line."""
    validate = commands.add_parser(
        "validate", help="judge a plan file: exit 0 valid, 1 invalid, 2 bad input, 3 a failure of ours"
    )
    validate.add_argument("domain", type=Path, metavar="DOMAIN", help="a PDDL domain file")
    validate.add_argument("problem", type=Path, metavar="PROBLEM", help="a PDDL problem file")
    validate.add_argument("plan", type=Path, metavar="PLAN", help='a plan, one "(action arg ...)" a line')
    validate.add_argument(
        "--validator",
        default="pddl",
        metavar="NAME",
        help="who judges: pddl, val, or module:attribute; default: pddl, which hands what it does not read to VAL",
    )
    validate.add_argument(
        "--svg", type=Path, metavar="FILE", help="write a picture of the plan, step by step"
    )
    add_json(validate)
    validate.set_defaults(act=act)


def act(args: argparse.Namespace) -> int:
    """Print the judgement; the exit code is its short form."""
    import sys

    from iterdeploy.cli.words import count
    from iterdeploy.domains.judge import open_judge
    from iterdeploy.pddl.files import INVALID, VALID, validate_files

    code, report = validate_files(args.domain, args.problem, args.plan, open_judge(args.validator))
    where = f" ({report['file']}, line {report['line']})" if report["line"] else ""
    if args.json:
        print_json(report)
    elif code == VALID:
        print(f"valid, {count(report['cost'], 'step')}")
    elif code == INVALID:
        print(f"not valid: {report['reason']}{where}")
    else:
        print(f"iterdeploy: {report['reason']}{where}", file=sys.stderr)
    if not args.json:
        for note in report["notes"]:
            print(f"note: {note}", file=sys.stderr)
    if args.svg and code in (VALID, INVALID):
        _draw(args)
    return code


def _draw(args: argparse.Namespace) -> None:
    """Write the picture; what our validator cannot read has none."""
    import sys

    from iterdeploy.cli.picture import write_picture
    from iterdeploy.draw import plan_svg
    from iterdeploy.pddl import PddlError, parse_domain, parse_problem, read_plan

    texts = [path.read_bytes().decode("utf-8", "replace") for path in (args.domain, args.problem, args.plan)]
    try:
        domain = parse_domain(texts[0])
        svg = plan_svg(domain, parse_problem(texts[1], domain), read_plan(texts[2]).actions)
    except PddlError as error:
        print(f"iterdeploy: no picture, for what cannot be read: {error}", file=sys.stderr)
        return
    write_picture(args.svg, svg)
