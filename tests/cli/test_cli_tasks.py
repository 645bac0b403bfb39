"""`iterdeploy tasks` writes what `iterdeploy validate` accepts and what is a domain again; `plan` counts prompts."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from families import FAMILIES

from iterdeploy.cli import main

Capture = pytest.CaptureFixture[str]


def index_of(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (folder / "index.jsonl").read_text().splitlines()]


@pytest.mark.parametrize("name", FAMILIES)
def test_reference_plans_are_written_and_valid(name: str, tmp_path: Path, capsys: Capture) -> None:
    out = tmp_path / "out"
    assert main(["tasks", name, "--count", "3", "--range", "easy", "--plans", "--out", str(out)]) == 0
    assert capsys.readouterr().out == f"3 tasks in {out}\n"
    rows = index_of(out)
    assert [row["file"] for row in rows] == ["p01.pddl", "p02.pddl", "p03.pddl"]
    for row in rows:
        files = [str(out / file) for file in ("domain.pddl", row["file"], row["plan"])]
        assert main(["validate", *files, "--json"]) == 0
        assert json.loads(capsys.readouterr().out)["cost"] == row["steps"]
        assert row["parameters"][FAMILIES[name].size] == row["size"]
        assert len(row["canonical"]) == 16


def test_tasks_that_were_written_are_a_domain_again(tmp_path: Path, capsys: Capture) -> None:
    both = tmp_path / "both"
    for split in ("deployed", "heldout"):
        arguments = ["--count", "4", "--split", split, "--out", str(both / split)]
        assert main(["tasks", "ferry", *arguments]) == 0
    assert (
        main(["tasks", str(both), "--count", "4", "--split", "heldout", "--out", str(tmp_path / "again")])
        == 0
    )
    for one, other in zip(index_of(both / "heldout"), index_of(tmp_path / "again"), strict=True):
        assert one["canonical"] == other["canonical"], "the digest does not depend on the way a problem came"
        assert (both / "heldout" / one["file"]).read_text() == (
            tmp_path / "again" / other["file"]
        ).read_text()
        assert other["parameters"] == {}
    assert main(["tasks", str(both), "--count", "5", "--out", str(tmp_path / "more")]) == 2
    assert "has 4 problems to deploy and 4 to hold out" in capsys.readouterr().err


def test_problems_of_several_domains_each_have_their_own_file(tmp_path: Path) -> None:
    mixed = tmp_path / "mixed"
    for name in ("ferry", "miconic"):
        assert main(["tasks", name, "--count", "2", "--out", str(mixed / "deployed" / name)]) == 0
    assert main(["tasks", str(mixed), "--count", "4", "--out", str(tmp_path / "out")]) == 0
    written = sorted(file.name for file in (tmp_path / "out").glob("*.pddl"))
    assert written == [name for n in (1, 2, 3, 4) for name in (f"p0{n}-domain.pddl", f"p0{n}.pddl")]
    assert main(["tasks", str(tmp_path / "out"), "--count", "1", "--out", str(tmp_path / "once-more")]) == 0


def test_a_seed_and_a_range_choose_the_tasks(tmp_path: Path) -> None:
    for number, arguments in enumerate([["--seed", "1"], ["--seed", "1"], ["--seed", "2"]]):
        where = str(tmp_path / str(number))
        assert (
            main(
                [
                    "tasks",
                    "ferry",
                    "--range",
                    "cars=9 locations=4",
                    "--count",
                    "2",
                    *arguments,
                    "--out",
                    where,
                ]
            )
            == 0
        )
    one, same, other = (index_of(tmp_path / str(number)) for number in range(3))
    assert one == same
    assert one[0]["canonical"] != other[0]["canonical"]
    assert one[0]["parameters"] == {"cars": 9, "locations": 4}


def test_sizes_without_a_range(tmp_path: Path) -> None:
    assert main(["tasks", "ferry", "--sizes", "3,12", "--count", "2", "--out", str(tmp_path / "a")]) == 0
    assert [row["parameters"]["cars"] for row in index_of(tmp_path / "a")] == [3, 12]
    assert main(["tasks", "blocksworld", "--count", "3", "--out", str(tmp_path / "b")]) == 0
    assert [row["size"] for row in index_of(tmp_path / "b")] == [6, 7, 8]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["ferry", "--range", "easy", "--sizes", "3"], "--range and --sizes both say how large"),
        (["ferry", "--range", "eazy"], "ferry has no range 'eazy'"),
        (["fery"], "(did you mean ferry?); or a folder of PDDL files"),
        (["ferry", "--count", "0"], "--count is the number of tasks, 1 or more, not 0"),
        (["here", "--plans"], "here has no reference plans; leave --plans out"),
        (["ferry", "--out", "here"], "here is not empty; give a new or an empty folder"),
    ],
)
def test_what_cannot_be_done_is_said(
    arguments: list[str], message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Capture
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["tasks", "ferry", "--count", "1", "--out", "here/deployed"]) == 0
    assert main(["tasks", "--out", "new", "--count", "1", *arguments]) == 2
    assert message in capsys.readouterr().err


def test_the_tokens_of_prompts_are_counted(tmp_path: Path, capsys: Capture) -> None:
    ferry = ["tasks", "ferry", "--count", "2", "--tokens"]
    assert main([*ferry, "blocks-small", "--out", str(tmp_path / "a")]) == 0
    assert "a prompt (paper) has 8" in capsys.readouterr().out
    assert main([*ferry, "blocks-small", "--prompt", "compact", "--out", str(tmp_path / "b")]) == 0
    assert "tokens" in capsys.readouterr().out
    assert main([*ferry, "nobody/nothing", "--out", str(tmp_path / "c")]) == 0
    said = capsys.readouterr().out
    assert "the tokenizer of nobody/nothing is not on this machine" in said
    assert "words" in said
    assert "characters" in said


def test_plan_counts_the_tokens_of_prompts(capsys: Capture) -> None:
    small = ["--set", "tasks.count=8", "--set", "tasks.heldout=2"]
    assert main(["plan", *small, "--json"]) == 0
    plan = json.loads(capsys.readouterr().out)
    assert plan["prompt_counted"] is True
    assert 20 < plan["prompt_tokens"] <= plan["prompt_longest"] < 120
    ferry = ["--set", "tasks.domain=ferry", "--set", "tasks.range=easy", "--set", "base.prompt=paper"]
    assert main(["plan", *small, *ferry, "--set", "base.model=nobody/nothing"]) == 0
    assert "tokens each" in (said := capsys.readouterr().out)
    assert "(by characters: no tokenizer here)" in " ".join(said.split())


@pytest.mark.parametrize("name", FAMILIES)
def test_check_finds_every_domain_ready(name: str, capsys: Capture) -> None:
    assert main(["check", name, "--count", "8"]) == 0, capsys.readouterr().out
