"""`iterdeploy export`: a run in the forms that others read."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from iterdeploy.cli.arguments import Commands, add_json, print_json
from iterdeploy.cli.words import count
from iterdeploy.errors import BadInput

if TYPE_CHECKING:
    from iterdeploy.store import Run

WHAT = ("traces", "examples", "adapter", "merged", "gguf", "figures", "metrics")
SPLITS = ("deployed", "heldout")
DTYPES = ("float32", "bfloat16", "float16")
FORMS = ("prompt-completion", "messages", "tokens")
KINDS = ("jsonl", "parquet", "dataset")
TRACKERS = ("tensorboard", "mlflow", "trackio", "wandb", "csv")


def add(commands: Commands) -> None:
    """Add `export` to the command line."""
    export = commands.add_parser(
        "export",
        help="write traces, training sets, an adapter, a model, figures or metrics in the forms that others read",
    )
    export.add_argument("what", choices=WHAT, help="what to write; each argument below says what it is for")
    export.add_argument("folder", type=Path, metavar="RUN", help="the folder of a run")
    export.add_argument(
        "--out", type=Path, required=True, metavar="PATH", help="the file or folder to write; not there yet"
    )
    export.add_argument(
        "--to", metavar="FORM", help=f"traces, examples: {', '.join(KINDS)}; metrics: {', '.join(TRACKERS)}"
    )
    export.add_argument("--form", choices=FORMS, help="traces, examples: the columns that a trainer reads")
    export.add_argument(
        "--generation",
        type=int,
        metavar="N",
        help="traces: one generation alone; examples, adapter, merged, gguf: not the last but N",
    )
    export.add_argument("--split", choices=SPLITS, help="traces: deployed or held-out tasks alone")
    export.add_argument("--valid", action="store_true", help="traces: valid answers alone")
    export.add_argument(
        "--base", metavar="NAME", help="adapter: the base that its config names, for other machines"
    )
    export.add_argument(
        "--dtype", choices=DTYPES, help="merged, gguf: how weights are stored; default: as those of the base"
    )
    add_json(export)
    export.set_defaults(act=act)


def act(args: argparse.Namespace) -> int:
    """Write what was asked for, and say what it is."""
    from iterdeploy.store import Run

    _refuse_idle(args)
    run = Run.open(args.folder)
    said = {
        "traces": _table,
        "examples": _table,
        "adapter": _adapter,
        "merged": _merged,
        "gguf": _merged,
        "figures": _figures,
        "metrics": _metrics,
    }[args.what](run, args)
    if args.json:
        print_json({"what": args.what, "run": str(run.path), "out": str(args.out), "said": said})
    else:
        print(f"{args.out}: {said}")
    return 0


_FOR = {
    "to": ("traces", "examples", "metrics"),
    "form": ("traces", "examples"),
    "generation": ("traces", "examples", "adapter", "merged", "gguf"),
    "split": ("traces",),
    "valid": ("traces",),
    "base": ("adapter",),
    "dtype": ("merged", "gguf"),
}


def _refuse_idle(args: argparse.Namespace) -> None:
    """An argument that would do nothing is a misunderstanding."""
    for name, whats in _FOR.items():
        if getattr(args, name) not in (None, False) and args.what not in whats:
            raise BadInput(f"--{name} is for {' and '.join(whats)}, not for {args.what}")


def _table(run: Run, args: argparse.Namespace) -> str:
    from iterdeploy.export.chat import examples, traces
    from iterdeploy.export.tables import write_table

    kind: Any = args.to or _kind_of(args.out)
    form: Any = args.form or "prompt-completion"
    rows = (
        examples(run, form, args.generation)
        if args.what == "examples"
        else traces(run, form, args.generation, args.split, args.valid)
    )
    return f"{count(write_table(rows, kind, args.out), 'row')} as {kind}, {form}"


def _kind_of(out: Path) -> str:
    return {".jsonl": "jsonl", ".parquet": "parquet"}.get(out.suffix, "dataset")


def _adapter(run: Run, args: argparse.Namespace) -> str:
    from iterdeploy.export.adapter import write_adapter

    number = write_adapter(run, args.generation, args.out, args.base)
    return f"the adapter of generation {number}, with a model card"


def _merged(run: Run, args: argparse.Namespace) -> str:
    from iterdeploy.export.merged import next_steps, write_gguf, write_merged

    write = write_gguf if args.what == "gguf" else write_merged
    number, gap = write(run, args.generation, args.out, args.dtype)
    lines = [f"generation {number}, merged: {gap.sentence()}", "", "next"]
    return "\n".join([*lines, *(f"  {step}" for step in next_steps(args.out, args.what))])


def _figures(run: Run, args: argparse.Namespace) -> str:
    from iterdeploy.export.figures import write_figures

    return ", ".join(path.name for path in write_figures(run, args.out))


def _metrics(run: Run, args: argparse.Namespace) -> str:
    from iterdeploy.export.tables import refuse_existing
    from iterdeploy.export.track import Tracking
    from iterdeploy.export.trackers import names

    wanted = names(args.to or "csv")
    refuse_existing(args.out)
    with Tracking(run, wanted, args.out, strict=True) as tracking:
        tracking.catch_up()
    return f"{count(len(run.generations()), 'generation')} to {', '.join(wanted)}"
