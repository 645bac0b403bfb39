"""`iterdeploy audit`: how far a validator can be trusted."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any

from iterdeploy.cli.arguments import Commands, add_json, print_json

if TYPE_CHECKING:
    from iterdeploy.audit.examine import Audit, Rate, Validator

SHOWN = 20  # wrong answers


def add(commands: Commands) -> None:
    """Add `audit` to the command line."""
    audit = commands.add_parser(
        "audit",
        help="try a validator out on answers that must be rejected, on others that must be accepted, and on changed "
        "plans: exit 0 no wrong answer, 1 some, 2 bad input, 3 no answers or a failure of ours",
    )
    audit.add_argument(
        "validator",
        nargs="?",
        metavar="VALIDATOR",
        help="pddl (ours), val (VAL on the plan text as it is), val-strict (VAL as a run uses it), or "
        "module:attribute, a function of the texts of domain, problem and plan that answers True or False",
    )
    audit.add_argument(
        "--command",
        metavar="COMMAND",
        help="a program instead, e.g. 'prog {domain} {problem} {plan}'; exit 0 says valid, 1 not valid",
    )
    audit.add_argument(
        "--line",
        default="",
        metavar="TEXT",
        help="with --command: valid where it prints this line, e.g. 'Plan valid'",
    )
    audit.add_argument(
        "--plans", type=int, default=2000, metavar="N", help="random plans to ask about; default: 2000"
    )
    audit.add_argument("--seed", type=int, default=0, metavar="N", help="of the random plans")
    add_json(audit)
    audit.set_defaults(act=act)


def act(args: argparse.Namespace) -> int:
    """Ask, and say what was wrong; the exit code is the short form."""
    from iterdeploy.audit.examine import examine
    from iterdeploy.errors import BadInput

    if (args.validator is None) == (args.command is None):
        raise BadInput("name one validator, or give one --command; see iterdeploy audit --help")
    if args.plans < 0:
        raise BadInput(f"--plans must be 0 or more, not {args.plans}")
    name = args.validator or args.command
    found = examine(open_validator(args.validator, args.command, args.line), args.plans, args.seed)
    if args.json:
        print_json(report_of(name, found))
    else:
        _show(name, found)
    if any(wrong.said != "nothing" for wrong in found.wrong):
        return 1
    if found.mute:
        return 3
    return 0 if found.trusted else 1


def open_validator(name: str | None, command: str | None, line: str) -> Validator:
    """The validator that the arguments name. Raises BadInput for an unknown one, or if VAL is not there."""
    from iterdeploy.audit import validators
    from iterdeploy.domains.judge import open_judge
    from iterdeploy.errors import BadInput, nearest
    from iterdeploy.plugins import plugin

    if name is None:
        return validators.of_command(command or "", line)
    if name == "pddl":
        return validators.of_judge(open_judge("pddl"))
    if name == "val-strict":
        return validators.of_judge(open_judge("val"))
    if name == "val":
        open_judge("val")  # says so where it is not there
        return validators.val_alone
    if ":" not in name:
        raise BadInput(f"no validator {name!r}; {nearest(name, validators.NAMES)}; or module:attribute")
    function = plugin(name)
    if not callable(function):
        raise BadInput(f"{name} is no function of domain, problem and plan, but {type(function).__name__}")
    return validators.of_function(function, name)


def report_of(name: str, found: Audit) -> dict[str, Any]:
    """All that was found, for programs; each wrong answer with its texts."""
    return {
        "validator": name,
        "trusted": found.trusted,
        "packaged": found.asked,
        "silent": found.silent,
        "false_accepts": _rate(found.accepts),
        "false_rejects": _rate(found.rejects),
        "wrong": [
            {
                "name": wrong.answer.name,
                "should_be": "valid" if wrong.answer.valid else "invalid",
                "said": wrong.said,
                "plan": wrong.answer.plan,
                "domain": wrong.answer.domain,
                "problem": wrong.answer.problem,
            }
            for wrong in found.wrong
        ],
    }


def _rate(rate: Rate) -> dict[str, float]:
    return {"wrong": rate.wrong, "asked": rate.asked, "upper_bound_95": rate.bound}


def _show(name: str, found: Audit) -> None:
    for wrong in found.wrong[:SHOWN]:
        must = "must be accepted" if wrong.answer.valid else "must be rejected"
        said = {"valid": "valid", "invalid": "not valid", "nothing": "no answer"}[wrong.said]
        plan = wrong.answer.plan if len(wrong.answer.plan) <= 60 else wrong.answer.plan[:57] + "..."
        print(f"wrong: {wrong.answer.name} {must}, and it says: {said}\n       {plan!r}")
    if len(found.wrong) > SHOWN:
        print(f"       and {len(found.wrong) - SHOWN} more; --json lists them all")
    print(f"{name}: {len(found.wrong)} wrong answers, {found.asked} packaged and the rest random")
    for kind, rate in (
        ("invalid plans accepted", found.accepts),
        ("valid plans not accepted", found.rejects),
    ):
        print(f"  random {kind}: {rate.wrong} of {rate.asked}; below {rate.bound:.2%} with confidence 95 %")
    if found.silent:
        print(f"  no answer on {found.silent} invalid plans: not accepted, and not judged")
