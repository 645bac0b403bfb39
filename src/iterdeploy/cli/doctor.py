"""`iterdeploy doctor`: whether this machine is fit for a run, and what to do if not."""

from __future__ import annotations

import argparse
from dataclasses import asdict
from pathlib import Path

from iterdeploy.cli.arguments import Commands, add_json, print_json

MARKS = {"ok": "ok   ", "note": "note ", "wrong": "WRONG"}


def add(commands: Commands) -> None:
    """Add `doctor` to the command line."""
    doctor = commands.add_parser("doctor", help="look at versions, cores, memory, disk and torch")
    add_json(doctor)
    doctor.set_defaults(act=act)


def act(args: argparse.Namespace) -> int:
    """Print what was found; exit 1 if anything is wrong."""
    from iterdeploy import __version__
    from iterdeploy.doctor import examine

    findings = examine(Path.cwd())
    wrong = [finding for finding in findings if finding.level == "wrong"]
    if args.json:
        print_json({"version": __version__, "fit": not wrong, "findings": [asdict(f) for f in findings]})
        return 1 if wrong else 0
    print(f"iterdeploy {__version__}")
    for finding in findings:
        print(f"{MARKS[finding.level]}  {finding.name:<14}{finding.value}")
        if finding.remedy:
            print(f"       {'':<14}→ {finding.remedy}")
    print("\nready: iterdeploy run" if not wrong else "\nnot ready: see WRONG above")
    return 1 if wrong else 0
