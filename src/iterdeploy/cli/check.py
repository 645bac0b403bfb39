"""`iterdeploy check`: whether a domain keeps the promises that the loop relies on."""

from __future__ import annotations

import argparse
from dataclasses import asdict

from iterdeploy.cli.arguments import Commands, add_json, print_json


def add(commands: Commands) -> None:
    """Add `check` to the command line."""
    check = commands.add_parser("check", help="try out a domain plug-in; exit 1 if it breaks a promise")
    check.add_argument(
        "domain", metavar="DOMAIN", help="a domain that ships, a folder of PDDL files, or module:attribute"
    )
    check.add_argument("--sizes", default="6,7,8", metavar="N,N,...", help="task sizes; default: 6,7,8")
    check.add_argument("--count", type=int, default=30, metavar="N", help="tasks a split; default: 30")
    check.add_argument("--seed", type=int, default=0, metavar="N", help="the seed of the tasks; default: 0")
    add_json(check)
    check.set_defaults(act=act)


def act(args: argparse.Namespace) -> int:
    """Print each promise with its finding."""
    from dataclasses import replace

    from iterdeploy.check import check_domain
    from iterdeploy.cli.rooms import open_domain
    from iterdeploy.cli.tasks import sizes_of
    from iterdeploy.recipe import Recipe

    recipe = Recipe()
    domain = open_domain(replace(recipe, tasks=replace(recipe.tasks, domain=args.domain)))
    findings = check_domain(domain, sizes_of(args.sizes), args.count, args.seed)
    kept = all(finding.kept for finding in findings)
    if args.json:
        print_json({"domain": args.domain, "kept": kept, "findings": [asdict(f) for f in findings]})
        return 0 if kept else 1
    for finding in findings:
        print(f"{'kept  ' if finding.kept else 'BROKEN'}  {finding.promise}")
        if finding.detail:
            print(f"        {finding.detail}")
    print(f"\n{args.domain} {'is ready for a run' if kept else 'is not ready for a run'}")
    return 0 if kept else 1
