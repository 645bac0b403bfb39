"""A model behind a server from the command line: deployed, killed and gone on with, validated, curated, exported."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest
from fake_server import Fake, Heard, Said, chat, serving

from iterdeploy.cli import main
from iterdeploy.store import Run

Capture = pytest.CaptureFixture[str]

SETTINGS = (
    "deploy.engine=server", "generations=0", "tasks.domain=scripted_run:Counting", "base.model=org/model:free",
    "tasks.sizes=[2,3]", "tasks.count=12", "tasks.heldout=4",
)  # fmt: skip
COUNTING = ["--seed", "1", *(word for setting in SETTINGS for word in ("--set", setting))]


def counted(heard: Heard) -> Said:
    """Right for the smaller tasks."""
    prompt = heard.body["messages"][0]["content"]
    return chat({"count to 2": "1 2", "count to 3": "1 2"}.get(prompt, "ready"), usage=(100, 10))


def asked(fake: Fake) -> Counter[int]:
    """How often each answer was asked for, by its seed; the trial has the seed 0."""
    return Counter(heard.body["seed"] for heard in fake.heard if heard.body["seed"])


def test_deployed_validated_curated_and_exported(tmp_path: Path, capsys: Capture) -> None:
    run, out = str(tmp_path / "run"), tmp_path / "out.jsonl"
    prices = ["--server-set", "price_answer=2", "--server-set", "at_once=3"]
    with serving(counted) as fake:
        assert main(["run", *COUNTING, "--out", run, "--server", fake.url, *prices]) == 0
    assert "16 answers of fake-1: 1,700 tokens read, 170 answered; cost 0.0003" in capsys.readouterr().out
    assert set(asked(fake).values()) == {1}
    assert main(["status", run, "--json"]) == 0
    state = json.loads(capsys.readouterr().out)
    assert state["server"]["generations"][0]["answers"] == 16
    assert state["generations"][0]["solved"] == 6
    assert main(["curate", run, "--generation", "1"]) == 0
    assert main(["export", "examples", run, "--form", "messages", "--out", str(out)]) == 0
    rows = [json.loads(line) for line in out.read_text().splitlines()]
    assert [row["messages"][-1]["content"] for row in rows] == ["1 2"] * 6
    capsys.readouterr()
    assert main(["export", "examples", run, "--form", "tokens", "--out", str(tmp_path / "t.jsonl")]) == 2
    assert "has no token ids" in capsys.readouterr().err
    assert main(["train", run, "--generation", "1"]) == 2
    assert "can't be trained here" in capsys.readouterr().err
    assert main(["show", run, Run.open(tmp_path / "run").traces(0)[0].id]) == 0
    assert "2 words (token ids are not known)" in capsys.readouterr().out


def test_a_killed_run_asks_only_for_what_is_missing(tmp_path: Path) -> None:
    tests = Path(__file__).parent.parent
    paths = os.pathsep.join([str(tests), str(tests.parent / "src")])
    with serving(counted) as fake:
        command = [
            sys.executable, "-m", "iterdeploy.cli", "run", *COUNTING, "--out", str(tmp_path / "run"),
            "--server", fake.url, "--server-set", "at_once=2", "--server-set", "key_from=MY_KEY",
        ]  # fmt: skip
        environment = {**os.environ, "PYTHONPATH": paths, "MY_KEY": "sk-hidden"}
        killed = subprocess.run(
            [*command, "--kill-at", "gen-0/deploy/row@5"], env=environment, capture_output=True
        )
        assert killed.returncode == -9
        done = subprocess.run(command, env=environment, capture_output=True, check=True)
    again = [count for count in asked(fake).values() if count > 1]
    assert len(again) <= 3, (
        "what was under way when it was killed: two at once, and one that was not yet written"
    )
    assert len(asked(fake)) == 16
    assert [row.solved for row in Run.open(tmp_path / "run").generations()] == [6]
    written = b"".join(path.read_bytes() for path in (tmp_path / "run").rglob("*") if path.is_file())
    assert b"sk-hidden" not in written + done.stdout + done.stderr + killed.stdout + killed.stderr
    assert fake.heard[0].headers["Authorization"] == "Bearer sk-hidden"


@pytest.mark.parametrize(
    ("more", "message"),
    [
        (["--set", "generations=2", "--server", "http://localhost:1"], "generations is 2"),
        ([], "no server is named"),
        (["--server", "nowhere"], "must be an address"),
        (["--server", "http://localhost:1", "--server-set", "atonce=1"], "did you mean at_once"),
        (["--set", "deploy.engine=transformers", "--server-set", "at_once=1"], "is for deploy.engine=server"),
    ],
)
def test_what_is_wrong_is_said_before_there_is_a_folder(
    more: list[str], message: str, tmp_path: Path, capsys: Capture
) -> None:
    assert main(["run", *COUNTING, "--out", str(tmp_path / "run"), *more]) == 2
    assert message in capsys.readouterr().err
    assert not (tmp_path / "run").exists()
