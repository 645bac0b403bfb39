"""The page of a run for those who watch it: the one in the run's folder while it is current, else a fresh one.

A fresh one is made by a process of its own, at low priority and into a folder of its own: the run's folder is not
written to, the run is not held up, and what a large run takes in memory is given back.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from iterdeploy.report.page.blocks import FOLDER
from iterdeploy.report.page.render import NAME, render_page
from iterdeploy.store import Run
from iterdeploy.watch.follow import finished_mark

REST = 4.0  # a page that took a second to make is made again four seconds later at the earliest


class Painter:
    """Keeps a page current. `folder` is where the page and its files lie; `mark` names what it shows."""

    def __init__(self, run: Run) -> None:
        self._run = run
        self._scratch = tempfile.TemporaryDirectory(prefix="iterdeploy-watch-")
        self._process: subprocess.Popen[bytes] | None = None
        self._making = ""
        self._begun = self._rest_until = 0.0
        self.folder: Path | None = None
        self.mark = ""
        self.problem = ""

    def look(self) -> None:
        """Take what has been made, and begin anew if a generation was finished since; returns at once."""
        self._take()
        wanted = finished_mark(self._run)
        if not wanted or wanted in (self.mark, self._making):
            return
        if self._is_current(wanted):
            self.folder, self.mark = self._run.path, wanted
        elif self._process is None and time.monotonic() >= self._rest_until:
            self._begin(wanted)

    def close(self) -> None:
        """End what is being made, and remove what was."""
        if self._process:
            self._process.kill()
            self._process.wait()
        self._scratch.cleanup()

    def _is_current(self, wanted: str) -> bool:
        """Whether the run's own page is younger than all finished generations; the run writes it when it ends."""
        page, last = self._run.path / NAME, wanted.count(".")
        try:
            return page.stat().st_mtime_ns > self._run.generation_file(last).stat().st_mtime_ns
        except FileNotFoundError:
            return False

    def _begin(self, wanted: str) -> None:
        out = Path(tempfile.mkdtemp(dir=self._scratch.name))
        self._making, self._begun, self._out = wanted, time.monotonic(), out
        self._process = subprocess.Popen(
            [sys.executable, "-m", "iterdeploy.watch.paint", str(self._run.path), str(out)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            env=os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
        )

    def _take(self) -> None:
        if self._process is None or self._process.poll() is None:
            return
        said = self._process.communicate()[1].decode(errors="replace").strip()
        self._rest_until = time.monotonic() + REST * (time.monotonic() - self._begun)
        if self._process.returncode == 0:
            self.folder, self.mark, self.problem = self._out, self._making, ""
        else:
            self.problem = said.splitlines()[-1] if said else f"exit code {self._process.returncode}"
        self._process, self._making = None, ""


def paint(path: Path, out: Path) -> None:
    """Leave the page of a run, and the files beside it, in a folder."""
    page = render_page(Run.open(path))
    for name, content in page.files.items():
        (out / name).parent.mkdir(exist_ok=True)
        (out / name).write_bytes(content)
    (out / NAME).write_text(page.html, encoding="utf-8")


__all__ = ["FOLDER", "NAME", "Painter", "paint"]


if __name__ == "__main__":
    if hasattr(os, "nice"):
        os.nice(10)
    paint(Path(sys.argv[1]), Path(sys.argv[2]))
