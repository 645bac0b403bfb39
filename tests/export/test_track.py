"""Trackers are told what the files hold, once each; a run has the same bytes with them, and survives them."""

from __future__ import annotations

import csv
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import scripted_run

from iterdeploy.cli import main
from iterdeploy.cli.run import add
from iterdeploy.errors import BadInput
from iterdeploy.export import trackers
from iterdeploy.export.metrics import of_generation, of_training
from iterdeploy.export.track import Tracking
from iterdeploy.export.trackers import TRACKERS, names
from iterdeploy.loop import run_loop
from iterdeploy.store import Run

Capture = pytest.CaptureFixture[str]


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A finished run with losses."""
    folder = tmp_path_factory.mktemp("track") / "run"
    scripted_run.go(folder)
    made = Run.open(folder)
    for number in (1, 2):
        rows = [{"step": n, "loss": 1 / (n + number)} for n in (1, 2, 3)]
        (made.adapter_folder(number) / "training.jsonl").write_text(
            "".join(json.dumps(row) + "\n" for row in rows)
        )
    return made


def rows_of(file: Path) -> list[tuple[str, int, int, float]]:
    with open(file, newline="") as held:
        return [
            (r["name"], int(r["generation"]), int(r["step"]), float(r["value"])) for r in csv.DictReader(held)
        ]


def export(run: Run, name: str, out: Path) -> None:
    with Tracking(run, [name], out, strict=True) as tracking:
        tracking.catch_up()


def test_the_metrics_are_those_of_the_run(run: Run) -> None:
    for number, row in enumerate(run.generations()):
        values = of_generation(run, number).values
        assert values["deployed/solved"] == row.solved
        assert values["heldout/share"] == row.heldout_solved / row.heldout_asked
        assert values["deployed/faults/goal"] == sum(not v.valid for v in run.verdicts(number))
        assert values["seconds/deploy"] >= 0
        assert values.get("examples") == (row.examples if number else None)
    assert [(v.step, v.values) for v in of_training(run, 2)] == [
        (n, {"loss": 1 / (n + 2)}) for n in (1, 2, 3)
    ]


def test_csv_holds_each_value_once(run: Run, tmp_path: Path, capsys: Capture) -> None:
    assert main(["export", "metrics", str(run.path), "--out", str(tmp_path / "out")]) == 0
    assert "3 generations to csv" in capsys.readouterr().out
    rows = rows_of(tmp_path / "out" / "csv" / "metrics.csv")
    assert len({row[:3] for row in rows}) == len(rows)
    assert [row for row in rows if row[0] == "train/loss" and row[1] == 1] == [
        ("train/loss", 1, n, 1 / (n + 1)) for n in (1, 2, 3)
    ]
    assert ("deployed/solved", 2, 2, float(run.generations()[2].solved)) in rows


def test_a_run_has_the_same_bytes_with_trackers_and_is_told_as_it_goes(tmp_path: Path) -> None:
    scripted_run.go(tmp_path / "plain")
    made = Run.create(tmp_path / "told", scripted_run.RECIPE)
    file, counts = made.path / "track" / "csv" / "metrics.csv", list[int]()

    def look(name: str) -> None:
        if name.endswith("/summarise/after"):
            counts.append(len(rows_of(file)))

    with Tracking(made, ["csv"], made.path / "track") as tracking:
        run_loop(
            made,
            scripted_run.Counting(),
            scripted_run.trainer(),
            point=tracking.at(look),
            report=scripted_run.report,
            second=scripted_run.Counting(),
            probes=scripted_run.PROBES,
        )
    told = {n: b for n, b in scripted_run.files_of(made.path).items() if not n.startswith("track/")}
    assert told == scripted_run.files_of(tmp_path / "plain")
    assert counts[0] == 0 < counts[1] < counts[2] < len(rows_of(file)), "each generation is told when it ends"


def test_a_run_that_goes_on_is_told_no_value_twice(run: Run, tmp_path: Path) -> None:
    for _ in range(3):
        export(run, "csv", tmp_path / "out")
    export(run, "csv", tmp_path / "once")
    assert rows_of(tmp_path / "out/csv/metrics.csv") == rows_of(tmp_path / "once/csv/metrics.csv")


class Broken:
    """A tracker whose server goes away after the first generation."""

    token = "b"

    def __init__(self, *_: object) -> None:
        self.told = 0

    def generation(self, values: object) -> None:
        self.told += 1
        if self.told > 1:
            raise ConnectionError("no route to host")

    def training(self, rows: object) -> None:
        pass

    def close(self) -> None:
        raise AssertionError("what has failed is left alone")


def test_a_tracker_that_fails_ends_no_run(
    run: Run, tmp_path: Path, monkeypatch: Any, capsys: Capture
) -> None:
    monkeypatch.setattr(trackers, "TRACKERS", {**TRACKERS, "broken": Broken})
    with Tracking(run, ["broken", "csv"], tmp_path / "out") as tracking:
        tracking.catch_up()
        tracking.catch_up()
    assert capsys.readouterr().err == "iterdeploy: broken is told nothing more: no route to host\n"
    assert len({row[1] for row in rows_of(tmp_path / "out/csv/metrics.csv")}) == 3
    with (
        pytest.raises(ConnectionError),
        Tracking(run, ["broken"], tmp_path / "strict", strict=True) as tracking,
    ):
        tracking.catch_up()


def test_names_are_checked_before_anything_is_made(tmp_path: Path, monkeypatch: Any, capsys: Capture) -> None:
    assert names("csv, csv") == ["csv"]
    with pytest.raises(BadInput, match="did you mean tensorboard"):
        names("tensorbord")
    monkeypatch.setattr("iterdeploy.export.extras.find_spec", lambda name: None)
    assert main(["run", "demo", "--track", "wandb", "--out", str(tmp_path / "run")]) == 2
    assert "wandb is not installed; it comes with: pip install 'iterdeploy[wandb]'" in capsys.readouterr().err
    assert not (tmp_path / "run").exists()
    assert callable(add)


SCRIPTED = [
    *("run", "demo", "--workers", "1", "--json"),
    *("--set", "base.model=scripted_run:trainer", "--set", "tasks.domain=scripted_run:Counting"),
    *(
        "--set",
        "generations=1",
        "--set",
        "tasks.sizes=[2, 3]",
        "--set",
        "tasks.count=12",
        "--set",
        "tasks.heldout=4",
    ),
]


def test_run_with_trackers_from_the_command_line(tmp_path: Path, capsys: Capture) -> None:
    assert main([*SCRIPTED, "--track", "csv", "--out", str(tmp_path / "run")]) == 0
    assert json.loads(capsys.readouterr().out)["finished"]
    rows = rows_of(tmp_path / "run" / "track" / "csv" / "metrics.csv")
    assert {row[1] for row in rows} == {0, 1}
    assert main([*SCRIPTED, "--out", str(tmp_path / "run")]) == 0, "whom to tell is no part of the recipe"


def test_each_tracker_has_its_extra() -> None:
    import tomllib

    extras = tomllib.loads((Path(__file__).parent.parent.parent / "pyproject.toml").read_text())
    assert TRACKERS.keys() - {"csv"} <= extras["project"]["optional-dependencies"].keys()


def scalars(folder: Path) -> dict[str, list[tuple[int, float]]]:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    read = EventAccumulator(str(folder))
    read.Reload()
    return {tag: [(e.step, e.value) for e in read.Scalars(tag)] for tag in read.Tags()["scalars"]}


def test_tensorboard_reads_what_it_was_told(run: Run, tmp_path: Path) -> None:
    pytest.importorskip("tensorboard")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    export(run, "tensorboard", tmp_path)
    found = scalars(tmp_path / "tensorboard")
    assert found["deployed/solved"] == [(n, float(row.solved)) for n, row in enumerate(run.generations())]
    assert found.keys() >= of_generation(run, 2).values.keys()
    losses = scalars(tmp_path / "tensorboard" / "gen-2")["train/loss"]
    assert [step for step, _ in losses] == [1, 2, 3]
    assert [loss for _, loss in losses] == pytest.approx([1 / (n + 2) for n in (1, 2, 3)])
    read = EventAccumulator(str(tmp_path / "tensorboard"))
    read.Reload()
    assert "recipe/text_summary" in read.Tags()["tensors"]


@pytest.mark.slow
def test_mlflow_reads_what_it_was_told(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    mlflow = pytest.importorskip("mlflow")
    pytest.importorskip("alembic")
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    export(run, "mlflow", tmp_path)
    export(run, "mlflow", tmp_path)  # goes on with the same run
    client = mlflow.MlflowClient(tracking_uri=f"sqlite:///{tmp_path / 'mlflow' / 'mlflow.db'}")
    (found,) = client.search_runs([client.get_experiment_by_name("iterdeploy").experiment_id])
    assert found.info.run_name == "scripted-seed3"
    assert found.data.params["train.epochs"] == "20.0"
    history = client.get_metric_history(found.info.run_id, "deployed/solved")
    assert [(m.step, m.value) for m in history] == [
        (n, float(r.solved)) for n, r in enumerate(run.generations())
    ]
    losses = client.get_metric_history(found.info.run_id, "train/gen-2/loss")
    assert [(m.step, m.value) for m in losses] == [(n, 1 / (n + 2)) for n in (1, 2, 3)]


TRACKIO_READER = """
import json
from trackio.sqlite_storage import SQLiteStorage
print(json.dumps({name: SQLiteStorage.get_logs("iterdeploy", name) for name in SQLiteStorage.get_runs("iterdeploy")}))
"""


@pytest.mark.slow
def test_trackio_reads_what_it_was_told(run: Run, tmp_path: Path) -> None:
    """In processes of its own: trackio asks for its folder when it is imported, and never again."""
    pytest.importorskip("trackio")
    env = os.environ | {"TRACKIO_DIR": str(tmp_path / "trackio"), "PYTHONPATH": os.pathsep.join(sys.path)}
    for words in (
        [
            "-m",
            "iterdeploy.cli",
            "export",
            "metrics",
            str(run.path),
            "--to",
            "trackio",
            "--out",
            str(tmp_path / "out"),
        ],
        ["-c", TRACKIO_READER],
    ):
        done = subprocess.run([sys.executable, *words], env=env, check=True, capture_output=True, text=True)
    ((name, rows),) = json.loads(done.stdout).items()
    assert name.startswith("scripted-seed3")
    assert [r["deployed/solved"] for r in rows if "deployed/solved" in r] == [
        r.solved for r in run.generations()
    ]
    losses = [r["train/gen-2/loss"] for r in rows if "train/gen-2/loss" in r]
    assert losses == pytest.approx([1 / (n + 2) for n in (1, 2, 3)])


@pytest.mark.slow
def test_wandb_keeps_what_it_was_told(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Offline, without an account: W&B's own file of the run holds the values."""
    wandb = pytest.importorskip("wandb")
    monkeypatch.setenv("WANDB_MODE", "offline")
    monkeypatch.setenv("WANDB_SILENT", "true")
    export(run, "wandb", tmp_path)
    wandb.teardown()  # its own process writes the file
    from wandb.proto import wandb_internal_pb2

    (file,) = tmp_path.rglob("*.wandb")
    solved = []
    for data in leveldb_records(file.read_bytes()):
        record = wandb_internal_pb2.Record()
        record.ParseFromString(data)
        items = {
            item.nested_key[0] if item.nested_key else item.key: item.value_json
            for item in record.history.item
        }
        solved += [json.loads(value) for key, value in items.items() if key == "deployed/solved"]
    assert solved == [row.solved for row in run.generations()]


def leveldb_records(data: bytes, block: int = 32768) -> Iterator[bytes]:
    """The records of a log in LevelDB's form, as W&B keeps it: 7 bytes of head, then parts: checksum, length, kind."""
    place, parts = 7, b""
    while place + 7 <= len(data):
        if block - place % block < 7:  # the rest of a block is too short for a part
            place += block - place % block
            continue
        length, kind = int.from_bytes(data[place + 4 : place + 6], "little"), data[place + 6]
        parts += data[place + 7 : place + 7 + length]
        place += 7 + length
        if kind in (1, 4):  # whole, or the last part
            yield parts
            parts = b""
