"""Docs that cannot lie: what README and docs/ show is run, or at least read, by these tests.

    ```console     each line that begins with "$ " is run; what stands below it is what it prints, "..." for anything
    ```python      run after <!-- run -->; otherwise it must parse, and what it imports must be there
    ```toml        a recipe that loads
    any block      after <!-- file: NAME --> it is written to NAME, where the commands of its page run

Names of settings, commands, presets and modules, and links to files, must exist.
"""

from __future__ import annotations

import ast
import doctest
import importlib
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import pytest

import iterdeploy
from iterdeploy.cli.main import parser
from iterdeploy.cli.page import commands
from iterdeploy.recipe import Recipe, load, presets, settings_of

ROOT = Path(iterdeploy.__file__).parent.parent.parent
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]
BLOCK = re.compile(r"(?:<!-- (?P<mark>[^>]*) -->\n)?^```(?P<kind>\w*)\n(?P<text>.*?)^```$", re.M | re.S)
COMMAND = re.compile(r"^\$ (?P<command>(?:.*\\\n)*.*)\n(?P<output>(?:(?!\$ ).*\n?)*)", re.M)
FILES = (".json", ".jsonl", ".py")
SECTIONS = {name.partition(".")[0] for name, _ in settings_of(Recipe()) if "." in name}

by_page = pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)


@dataclass(frozen=True)
class Block:
    kind: str
    mark: str
    text: str


def blocks(page: Path) -> list[Block]:
    found = BLOCK.finditer(page.read_text(encoding="utf-8"))
    return [Block(match["kind"], match["mark"] or "", match["text"]) for match in found]


def spans(page: Path) -> Iterator[str]:
    """All that stands as code: the text of blocks, and between backticks."""
    text = page.read_text(encoding="utf-8")
    yield from (block.text for block in blocks(page))
    yield from re.findall(r"`([^`\n]+)`", BLOCK.sub("", text))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Where a reader stands: examples/ is here, and `iterdeploy` is on the path."""
    ignored = shutil.ignore_patterns("__pycache__", "runs")
    shutil.copytree(ROOT / "examples", tmp_path / "examples", ignore=ignored)
    program = tmp_path / "bin" / "iterdeploy"
    program.parent.mkdir()
    program.write_text(f'#!/bin/sh\nexec {sys.executable} -m iterdeploy.cli "$@"\n')
    program.chmod(0o755)
    return tmp_path


def run(command: list[str], folder: Path) -> str:
    env = os.environ | {
        "PATH": f"{folder / 'bin'}{os.pathsep}{os.environ['PATH']}",
        "PYTHONPATH": str(ROOT / "src"),
        "COLUMNS": "100",
    }
    done = subprocess.run(command, cwd=folder, env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@by_page
def test_commands_print_what_the_page_shows(page: Path, folder: Path) -> None:
    for block in blocks(page):
        if block.mark.startswith("file: "):
            (folder / block.mark.removeprefix("file: ")).write_text(block.text, encoding="utf-8")
        if block.kind == "console":
            for match in COMMAND.finditer(block.text):
                shown = run(["bash", "-c", match["command"]], folder)
                assert shows(match["output"], shown), f"{match['command']}\nprints\n{shown}"
        if block.kind == "python" and block.mark == "run":
            run([sys.executable, "-c", block.text], folder)


def shows(wanted: str, shown: str) -> bool:
    options = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE
    return doctest.OutputChecker().check_output(wanted, shown, options)


@by_page
def test_python_parses_and_its_imports_are_there(page: Path) -> None:
    for block in blocks(page):
        if block.kind == "python":
            for node in ast.walk(ast.parse(block.text)):
                if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("iterdeploy"):
                    module = importlib.import_module(node.module or "")
                    assert [a.name for a in node.names if not hasattr(module, a.name)] == []


@by_page
def test_toml_is_a_recipe(page: Path) -> None:
    for block in blocks(page):
        if block.kind == "toml":
            load(block.text)


@by_page
def test_links_to_files_lead_somewhere(page: Path) -> None:
    links = re.findall(r"\]\(([^)#\s]+)[^)]*\)", page.read_text(encoding="utf-8"))
    local = [link for link in links if "://" not in link]
    assert [link for link in local if not (page.parent / link).exists()] == []


@by_page
def test_settings_that_are_named_exist(page: Path) -> None:
    known = {name for name, _ in settings_of(Recipe())}
    named = {
        name
        for span in spans(page)
        for name in re.findall(rf"(?<![\w./])(?:{'|'.join(sorted(SECTIONS))})\.[a-z_]+\b(?!\()", span)
    }
    assert {name for name in named - known if not name.endswith(FILES)} == set()


@by_page
def test_commands_that_are_named_exist(page: Path) -> None:
    known = commands(parser())
    named = {name for span in spans(page) for name in re.findall(r"(?<![\w/.-])iterdeploy ([a-z-]+)", span)}
    assert {name for name in named if not name.startswith("--")} - known.keys() == set()


@by_page
def test_modules_that_are_named_exist(page: Path) -> None:
    for span in spans(page):
        for name in re.findall(r"(?<![\w/.])iterdeploy(?:\.\w+)+", span):
            assert resolves(name), name


def resolves(name: str) -> bool:
    """Whether a dotted name is a module, or an attribute of one; imports no more than that takes."""
    parts = name.split(".")
    depth = next(depth for depth in range(len(parts), 0, -1) if is_module(".".join(parts[:depth])))
    if depth == len(parts):
        return True
    here: object = importlib.import_module(".".join(parts[:depth]))
    for part in parts[depth:]:
        here = getattr(here, part, None)
    return here is not None


def is_module(name: str) -> bool:
    try:
        return find_spec(name) is not None
    except ModuleNotFoundError:  # what stands before the last dot is no package
        return False


def test_readme_names_every_preset() -> None:
    assert [name for name in presets() if f"`{name}`" not in (ROOT / "README.md").read_text()] == []


def test_the_recipe_page_lists_every_setting() -> None:
    listed = re.findall(r"^\| `([a-z_.]+)` \|", (ROOT / "docs" / "recipe.md").read_text(), flags=re.M)
    assert {name for name, _ in settings_of(Recipe())} <= set(listed)


def test_the_index_lists_every_page() -> None:
    index = (ROOT / "docs" / "index.md").read_text()
    pages = {page.name for page in (ROOT / "docs").glob("*.md")} - {"index.md"}
    assert {page for page in pages if f"({page})" not in index} == set()


def test_readme_states_the_size_of_the_demo() -> None:
    assert f"{Recipe().tasks.count} Blocksworld tasks" in (ROOT / "README.md").read_text()


def test_the_checks_of_this_file_can_fail(folder: Path) -> None:
    assert COMMAND.findall("$ a \\\n  b\nx\n\n$ c\n") == [("a \\\n  b", "x\n\n"), ("c", "")]
    assert shows("kept\n...\nready\n", "kept\nmore\nready\n")
    assert not shows("kept\n", "broken\n")
    assert resolves("iterdeploy.store.Run.open")
    assert not resolves("iterdeploy.stores")
    with pytest.raises(AssertionError, match="no preset"):
        run(["iterdeploy", "plan", "demos"], folder)
