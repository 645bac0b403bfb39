"""The page of a run under way in a real browser: it comes by itself, keeps current, and lets its reader read."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import fake_run
import pytest

pytest.importorskip("selenium")

import browser
from browser import Browser
from test_server import served

from iterdeploy.store import Run
from iterdeploy.store.rows import part_of

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    browser.require()
    with browser.started() as found:
        yield found


def strip(page: Browser) -> str:
    return page.text("aside[aria-label='The run under way']")


def test_a_run_from_its_first_generation_to_its_last(chromium: Browser, tmp_path: Path) -> None:
    run = fake_run.write(tmp_path / "run", fake_run.recipe(), finished=-1)
    chromium.complaints()
    with served(run.path) as server:
        chromium.driver.get(server.url)
        chromium.until(lambda: "generation 0 of 2 · deploy" in strip(chromium))
        assert "stopped: no process writes to it" in strip(chromium)
        fake_run.write(run.path, fake_run.recipe(), finished=0)
        chromium.until(lambda: chromium.all("#solved"))
        chromium.until(lambda: "generation 1 of 2 · curate" in strip(chromium))
        answer_some(run)
        chromium.until(lambda: "deploy · 2 / 30" in strip(chromium))
        chromium.press("?")
        fake_run.write(run.path, fake_run.recipe())
        chromium.until(lambda: strip(chromium).startswith("finished"))
        chromium.until(lambda: chromium.run("return !document.querySelector('aside button').hidden"))
        chromium.run("document.querySelector('aside button').click()")
        chromium.until(lambda: "generation 0 to 2" in chromium.text("#report-view"))
        assert chromium.complaints() == []


def answer_some(run: Run) -> None:
    """Generation 1 is trained and has answered twice."""
    run.examples_file(1).parent.mkdir(exist_ok=True)
    run.examples_file(1).touch()
    run.adapter_folder(1).mkdir()
    lines = run.traces_file(0).read_bytes().splitlines(keepends=True)
    part_of(run.traces_file(1)).write_bytes(b"".join(lines[:2]) + lines[2][:20])


def test_text_of_a_run_is_shown_as_text(chromium: Browser, tmp_path: Path) -> None:
    run = fake_run.write(tmp_path / "run", fake_run.recipe(), finished=0)
    run.generation_file(0).unlink()
    file = run.verdicts_file(0)
    hostile = b"<img src=x onerror=document.title=1><script>document.title=1</script>"
    file.write_bytes(file.read_bytes().replace(b"the plan fails: goal", hostile))
    run.verdicts_file(0, "heldout").unlink()
    chromium.complaints()
    with served(run.path) as server:
        chromium.driver.get(server.url)
        chromium.until(lambda: "onerror=document.title=1" in chromium.text("#latest"))
        assert chromium.all("#latest img, #latest script") == []
        assert chromium.driver.title == "A run under way"
    assert chromium.complaints() == []
