"""Importing does nothing: no torch, no file, little time. import-linter holds the direction (./test.sh runs it)."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import iterdeploy

HEAVY = {"torch", "transformers", "peft", "tokenizers", "safetensors", "matplotlib", "numpy"}
LIGHT_ROOMS = (
    "audit",
    "check",
    "cli",
    "curate",
    "doctor",
    "domains",
    "draw",
    "loop",
    "measure",
    "pddl",
    "plan_ahead",
    "plugins",
    "recipe",
    "store",
)
MOST_SECONDS = 0.5  # of CPU time, the interpreter's start included: wall time says more of the neighbours

LOOK = "import json, sys, time; print(json.dumps([sorted(sys.modules), time.process_time()]))"


def imported(folder: Path, statement: str) -> tuple[set[str], float]:
    """The modules that a fresh interpreter holds after a statement, and its CPU seconds."""
    source = str(Path(iterdeploy.__file__).parent.parent)
    done = subprocess.run(
        [sys.executable, "-B", "-c", f"{statement}\n{LOOK}"],
        cwd=folder,
        env={"PATH": os.environ["PATH"], "HOME": str(folder), "PYTHONPATH": source},
        capture_output=True,
        text=True,
        check=True,
    )
    modules, seconds = json.loads(done.stdout)
    return set(modules), seconds


def test_the_package_and_its_command_line_start_light(tmp_path: Path) -> None:
    statement = "import iterdeploy, iterdeploy.cli"
    modules, _ = imported(tmp_path, statement)
    assert not HEAVY & modules
    assert min(imported(tmp_path, statement)[1] for _ in range(3)) < MOST_SECONDS


def test_the_rooms_that_do_not_compute_import_nothing_heavy(tmp_path: Path) -> None:
    names = [
        ".".join(file.relative_to(Path(iterdeploy.__file__).parent.parent).with_suffix("").parts)
        for room in LIGHT_ROOMS
        for file in files_of(room)
        if file.name not in ("__init__.py", "__main__.py")
    ]
    assert len(names) > 30
    modules, _ = imported(tmp_path, f"import {', '.join(names)}")
    assert not HEAVY & modules


def test_importing_leaves_no_file(tmp_path: Path) -> None:
    imported(tmp_path, "import iterdeploy.cli, iterdeploy.loop, iterdeploy.report.write, iterdeploy.domains")
    assert list(tmp_path.iterdir()) == []


def test_every_room_has_its_place_among_the_layers() -> None:
    import tomllib

    root = Path(iterdeploy.__file__).parent
    contract = tomllib.loads((root.parent.parent / "pyproject.toml").read_text())["tool"]["importlinter"]
    placed = {room.strip() for layer in contract["contracts"][0]["layers"] for room in layer.split("|")}
    there = {path.stem for path in root.iterdir() if path.suffix == ".py" or (path / "__init__.py").exists()}
    assert placed == there - {"__init__"}


def test_the_page_on_architecture_names_every_room() -> None:
    root = Path(iterdeploy.__file__).parent
    page = (root.parent.parent / "docs" / "architecture.md").read_text()
    rooms = [f"`{p.name}{'/' if p.is_dir() else ''}`" for p in root.iterdir() if not p.name.startswith("__")]
    assert [room for room in rooms if room not in page and room != "`py.typed`"] == []


def files_of(room: str) -> list[Path]:
    root = Path(iterdeploy.__file__).parent
    return sorted((root / room).rglob("*.py")) if (root / room).is_dir() else [root / f"{room}.py"]
