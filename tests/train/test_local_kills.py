"""SIGKILL on the real local model: the same bytes at the end, and no process left behind."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import local_run
import pytest
import tiny
from scripted_run import files_of

from iterdeploy import loop
from iterdeploy.errors import WorkerDied
from iterdeploy.store import Run
from iterdeploy.train.local import LocalTrainer
from iterdeploy.types import Progress

SCRIPT = Path(local_run.__file__)
POINTS = (
    "gen-0/deploy/row",
    "gen-0/heldout/deploy/written",
    "gen-1/curate/written",
    "gen-1/train/audited",
    "gen-1/train/row",
    "gen-1/train/checkpoint",
    "gen-1/train/written",
    "gen-1/train/renamed",
    "gen-1/deploy/row",
    "gen-1/summarise/after",
)

pytestmark = pytest.mark.slow


def start(run: Path, base: Path, workers: int, *deadly: str) -> subprocess.Popen[bytes]:
    """The run in a process of its own, which dies at a point if one is given."""
    env = {**os.environ, "PYTHONPATH": str(Path(loop.__file__).parents[1]), "PYTHONHASHSEED": "random"}
    arguments = [sys.executable, str(SCRIPT), str(run), str(base), str(workers), *deadly]
    return subprocess.Popen(arguments, env=env, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)


def killed(run: Path, base: Path, workers: int, point: str, count: int = 1) -> None:
    process = start(run, base, workers, point, str(count))
    _, said = process.communicate()
    assert process.returncode == -signal.SIGKILL, said.decode()[-2000:]


@pytest.fixture(scope="module")
def whole(base: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """The files of a run that was never stopped, made in this process."""
    folder = tmp_path_factory.mktemp("whole") / "run"
    local_run.go(folder, base, 1)
    return files_of(folder)


def processes_of(base: Path) -> list[int]:
    """All processes with the base in their environment; not this one, nor the tracker that multiprocessing gave it."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and int(entry.name) != os.getpid():
            try:
                command, marks = (entry / "cmdline").read_bytes(), (entry / "environ").read_bytes()
            except OSError:
                continue
            if f"ITERDEPLOY_TEST={base}".encode() in marks and b"resource_tracker" not in command:
                found.append(int(entry.name))
    return found


@pytest.fixture(autouse=True)
def nothing_left_behind(base: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Every process of a test carries a mark; a few seconds after its end none is there, nor memory that it shared."""
    monkeypatch.setenv("ITERDEPLOY_TEST", str(base))
    before = shared()
    yield
    limit = time.monotonic() + 20
    while (processes_of(base) or shared() - before) and time.monotonic() < limit:
        time.sleep(0.1)
    assert processes_of(base) == []
    assert shared() - before == set()


def shared() -> set[str]:
    """Pieces of shared memory that no process holds open: other runs on the machine have theirs mapped."""
    memory = Path("/dev/shm")
    there = {path.name for path in memory.glob("psm_*")}
    mapped = ""
    for maps in Path("/proc").glob("[0-9]*/maps") if there else ():
        with contextlib.suppress(OSError):  # a process that ended meanwhile, or another user's
            mapped += maps.read_text()
    return {name for name in there if name not in mapped}


@pytest.mark.parametrize("point", POINTS)
def test_killed_alone_it_ends_with_the_same_bytes(
    base: Path, whole: dict[str, bytes], tmp_path: Path, point: str
) -> None:
    killed(tmp_path / "run", base, 1, point, 3 if point.endswith("deploy/row") else 1)
    assert files_of(tmp_path / "run") != whole or point == POINTS[-1], (
        "nothing is left to do after the last step"
    )
    local_run.go(tmp_path / "run", base, 1)
    assert files_of(tmp_path / "run") == whole


@pytest.mark.parametrize("point", ["gen-1/train/row", "gen-1/train/checkpoint", "gen-1/deploy/row"])
def test_killed_with_two_workers_it_ends_with_the_same_bytes(
    base: Path, whole: dict[str, bytes], tmp_path: Path, point: str
) -> None:
    """Continued by one, whose run the other bytes are."""
    killed(tmp_path / "run", base, 2, point)
    local_run.go(tmp_path / "run", base, 1)
    assert files_of(tmp_path / "run") == whole


def test_two_workers_never_stopped_make_the_same_bytes(
    base: Path, whole: dict[str, bytes], tmp_path: Path
) -> None:
    local_run.go(tmp_path / "run", base, 2)
    assert files_of(tmp_path / "run") == whole


def test_killed_twice_in_one_training(base: Path, whole: dict[str, bytes], tmp_path: Path) -> None:
    killed(tmp_path / "run", base, 2, "gen-1/train/checkpoint")
    killed(tmp_path / "run", base, 2, "gen-1/train/written")
    local_run.go(tmp_path / "run", base, 1)
    assert files_of(tmp_path / "run") == whole


# --- a worker that is killed ------------------------------------------------------------------


@pytest.mark.parametrize("victim", [0, 1])
def test_a_worker_killed_in_training_is_said_and_the_rest_goes_on_from_there(
    base: Path, whole: dict[str, bytes], tmp_path: Path, victim: int
) -> None:
    folder, of = tmp_path / "run", local_run.recipe(base)

    def strike(progress: Progress) -> None:
        if (progress.step, progress.done) == ("train", 20):
            os.kill(pids(trainer)[victim], signal.SIGKILL)

    with (
        tiny.trainer(of, workers=2) as trainer,
        pytest.raises(WorkerDied, match=f"worker {victim} of 2 died"),
    ):
        loop.run_loop(Run.create(folder, of), tiny.domain(), trainer, observe=strike)
    local_run.go(folder, base, 1)
    assert files_of(folder) == whole


def pids(trainer: LocalTrainer) -> list[int]:
    assert trainer._crew is not None
    return [process.pid or 0 for process in trainer._crew.processes]
