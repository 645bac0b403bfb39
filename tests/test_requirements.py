"""The pins are whole, exact and neutral: they cover what pyproject.toml asks for, and name no machine's own builds."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import NormalizedName, canonicalize_name
from packaging.version import Version

ROOT = Path(__file__).parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
PIN = re.compile(r"([\w.-]+)==([\w.]+)")


def pins(name: str) -> dict[NormalizedName, Version]:
    """Package and version, as a requirements file states them; any other line is an error."""
    found: dict[NormalizedName, Version] = {}
    for line in (ROOT / "requirements" / name).read_text().splitlines():
        if line.startswith("-r "):
            found |= pins(line.removeprefix("-r "))
        elif line and not line.startswith("#"):
            match = PIN.fullmatch(line)
            assert match, f"{name}: {line!r} is no exact pin without a local part"
            found[canonicalize_name(match[1])] = Version(match[2])
    return found


@pytest.mark.parametrize(
    ("file", "asked"),
    [
        ("run.txt", PROJECT["project"]["dependencies"]),
        ("run.txt", PROJECT["build-system"]["requires"]),
        ("dev.txt", PROJECT["project"]["optional-dependencies"]["dev"]),
    ],
    ids=["run", "build", "dev"],
)
def test_pins_satisfy_what_the_project_asks(file: str, asked: list[str]) -> None:
    pinned = pins(file)
    for requirement in map(Requirement, asked):
        assert pinned[canonicalize_name(requirement.name)] in requirement.specifier


def test_dependencies_state_their_oldest_version() -> None:
    for requirement in map(Requirement, PROJECT["project"]["dependencies"]):
        assert [specifier.operator for specifier in requirement.specifier] == [">="], requirement


def test_no_file_of_the_setup_names_a_package_index() -> None:
    files = [*(ROOT / "requirements").iterdir(), ROOT / "demo.sh", ROOT / "test.sh", ROOT / ".ci" / "run"]
    text = "".join(file.read_text() for file in files)
    assert not re.search(r"index-url|find-links|https?://", text)
