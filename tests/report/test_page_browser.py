"""The page in a real browser: it opens from the disk, leads from figures to traces, plays plans, and obeys its keys."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import browser
import page_run
import pytest
from browser import Browser

from iterdeploy.domains import family_of
from iterdeploy.report.numbers import read_numbers
from iterdeploy.report.page import render, write_page
from iterdeploy.store import Run
from iterdeploy.types import SPLITS

pytestmark = pytest.mark.slow

FIRST_POINT = "document.querySelector('#solved a.mark')"
PLACES = "[...document.querySelectorAll('.picture text')].map((t) => t.outerHTML)"
NAMED = "e.textContent.trim() || e.getAttribute('aria-label') || e.closest('label')"
NAMELESS = f"[...document.querySelectorAll('a, button, input, select, [role=img]')].filter((e) => !({NAMED}))"
CHOSEN = "document.getElementById(document.querySelector('.list').getAttribute('aria-activedescendant'))"
DRAWINGS = "[...document.querySelectorAll('svg')].filter((s) => !s.closest('.scroll'))"
OUTSIDE = f"{DRAWINGS}.filter((s) => s.getBoundingClientRect().right > 361)"

BLOCKS = page_run.Played(family_of("blocksworld-ipc"), {"blocks": 6}, count=20, heldout=6)


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    browser.require()
    with browser.started() as found:
        yield found


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    made = page_run.write(tmp_path_factory.mktemp("browser") / "run", BLOCKS, page_run.HOSTILE)
    write_page(made)
    return made


@pytest.fixture
def page(chromium: Browser, run: Run) -> Iterator[Browser]:
    chromium.resize(1280, 900)
    chromium.prefer(color_scheme="light", reduced_motion="reduce")
    chromium.complaints()
    chromium.open(run.path / "report.html")
    yield chromium
    assert chromium.complaints() == []


def count(page: Browser) -> int:
    """How many traces the list says it has, once it has been searched."""
    found = page.until(lambda: re.match(r"(No|[\d,]+) trace", page.text(".count")))
    return 0 if found[1] == "No" else int(found[1].replace(",", ""))


def choose(page: Browser, field: str, value: str) -> None:
    """Choose from a menu of the filter."""
    menu = f"const menu = document.querySelector('select[name={field}]'); menu.value = '{value}'"
    page.run(f"{menu}; menu.dispatchEvent(new Event('change'))")


def counts(page: Browser, number: int) -> bool:
    page.until(lambda: count(page) == number)
    return True


def test_every_figure_is_there_with_its_sentence(page: Browser, run: Run) -> None:
    last = read_numbers(run).generations[-1]
    assert f"{last.deployed.solved} of {last.deployed.asked}" in page.text(".tile.deployed")
    figures = page.run("return [...document.querySelectorAll('figure')].map((f) => f.id)")
    assert " ".join(figures) == "solved sizes change lengths reasoning faults diversity training cost"
    sentences = page.run("return [...document.querySelectorAll('figcaption')].map((f) => f.textContent)")
    assert all(len(sentence) > 60 and sentence.endswith(".") for sentence in sentences)
    drawn = page.run(
        "return [...document.querySelectorAll('.drawing')].every((d) => d.querySelector('.mark, .cell, table'))"
    )
    assert drawn
    assert "deploy.max_tokens" in page.text(".recipe")


def test_every_link_of_every_figure_leads_to_as_many_traces_as_it_counts(page: Browser) -> None:
    links = page.run(
        "return [...document.querySelectorAll('figure [data-tip]')].map((m) => [m.getAttribute('href'), m.dataset.tip])"
    )
    said = r"(?:(\d+) of )?(\d+) (?:deployed |held-out )?(?:tasks?|answers?|examples?)\b"
    counted = [(href, re.search(said, tip)) for href, tip in links if href]
    numbers = {href: int(found[2 if "size=" in href else 1] or found[2]) for href, found in counted if found}
    assert len(numbers) > 60
    for part in (
        "verdict=valid",
        "size=6",
        "change=gained",
        "change=lost",
        "steps=",
        "reasoning=",
        "fault=goal",
        "learned=2",
    ):
        assert any(part in href for href in numbers), part
    for href, number in numbers.items():
        page.run(
            "document.querySelectorAll('.count').forEach((c) => (c.textContent = ''))"
        )  # of the search before
        page.go(href)
        assert counts(page, number), href


def test_a_point_leads_to_its_traces_and_a_trace_to_its_verdict(page: Browser, run: Run) -> None:
    page.run(f"{FIRST_POINT}.dispatchEvent(new MouseEvent('click', {{bubbles: true, cancelable: true}}))")
    assert counts(page, sum(verdict.valid for verdict in run.verdicts(0)))
    page.click(".row")
    page.until(lambda: "valid, " in page.text(".verdict"))
    assert page.text(".trace-id").startswith("g0.")
    assert "thinking of it" in page.text("article")


def test_filters_narrow_the_list_and_stand_in_the_address(page: Browser, run: Run) -> None:
    page.go("#traces")
    assert counts(page, 3 * (20 + 6))
    choose(page, "generation", "1")
    assert counts(page, 26)
    choose(page, "verdict", "no-plan")
    both = [*run.verdicts(1), *run.verdicts(1, "heldout")]
    assert counts(page, sum(verdict.fault == "no-plan" for verdict in both))
    assert page.run("return location.hash") == "#traces?generation=1&fault=no-plan"
    page.go("#traces?text=VANISH")
    everywhere = [v for number in range(3) for split in SPLITS for v in run.verdicts(number, split)]
    assert counts(page, sum("(vanish x)" in verdict.plan for verdict in everywhere))
    page.click(".chip.clear")
    assert counts(page, 78)
    page.go("#traces?text=nowhere-to-be-found")
    assert counts(page, 0)


def test_a_plan_is_played_up_to_the_step_that_fails(page: Browser, run: Run) -> None:
    failing = next(v for v in run.verdicts(0) if v.fault == "precondition")
    step = int(re.match(r"step (\d+)", failing.reason)[1])  # type: ignore[index]
    page.go(f"#traces?trace={failing.trace_id}")
    page.one(".picture")
    first = page.run("return document.querySelector('.picture').innerHTML")
    page.press("space")
    page.until(lambda: page.text(".where").startswith("step 1 "))
    assert page.run("return document.querySelector('.picture').innerHTML") != first
    page.press("space")
    for _ in range(step):
        page.press("right")
    assert page.text(".where") == f"step {step} of {failing.cost} fails"
    assert page.run("return document.querySelector('.picture').classList.contains('fails')")
    assert page.text(".plan li.fails").startswith(failing.plan[step - 1])
    assert page.run("return document.querySelectorAll('.plan li.unreached').length") == failing.cost - step
    for _ in range(step):
        page.press("left")
    shown = f"return {PLACES}.sort()"
    back = page.run(shown)
    page.go("#traces")
    page.go(f"#traces?trace={failing.trace_id}")
    page.until(lambda: page.text(".where") == "start" and page.run(shown) == back)


def test_two_generations_stand_side_by_side(page: Browser) -> None:
    page.go("#traces?generation=2&trace=g2.d000.0")
    page.one("article")
    page.press("c")
    page.until(lambda: len(page.all("article")) == 2)
    assert page.run("return location.hash").endswith("beside=g0.d000.0")
    tops = page.run(
        "return [...document.querySelectorAll('article')].map((a) => a.getBoundingClientRect().top)"
    )
    assert tops[0] == tops[1]
    page.press("c")
    page.until(lambda: len(page.all("article")) == 1)
    assert len(page.all(".past")) == 3


def test_all_works_by_keyboard(page: Browser) -> None:
    page.press("t")
    page.until(lambda: count(page) == 78)
    page.press("j")
    page.until(lambda: page.text(".trace-id") == "g0.d000.0")
    page.press("j", "j", "k")
    page.until(lambda: page.text(".trace-id") == "g0.d001.0")
    chosen = page.run(f"return {CHOSEN}.textContent")
    assert "g0.d001.0" in chosen
    page.run("document.querySelector('.list').focus()")
    page.press("down", "down", "up")
    page.until(lambda: page.text(".trace-id") == "g0.d002.0")
    page.press("/", *"h003")
    assert counts(page, 3)
    page.press("escape", "?")
    page.until(lambda: page.run("return document.getElementById('keys').open"))
    assert "next trace" in page.text("#keys")
    page.press("escape")
    page.until(lambda: not page.run("return document.getElementById('keys').open"))
    page.press("r")
    page.until(lambda: page.run("return !document.getElementById('report-view').hidden"))
    page.run(f"{FIRST_POINT}.focus()")
    assert (
        page.run("return getComputedStyle(document.querySelector('#solved a.mark .halo')).strokeWidth")
        == "2px"
    )
    page.press("enter")
    page.until(lambda: page.run("return location.hash").startswith("#traces?generation=0"))


def test_all_that_is_pressed_or_filled_in_has_a_name(page: Browser) -> None:
    page.go("#traces?trace=g0.d000.0")
    page.one("article")
    nameless = page.run(f"return {NAMELESS}.map((e) => e.outerHTML)")
    assert nameless == []


@pytest.mark.parametrize(
    "hash",
    [
        "#report",
        "#traces",
        "#traces?trace=g1.d002.0",
        "#traces?trace=g2.h005.0",
        "#traces?trace=g2.d000.0&beside=g0.d000.0",
    ],
)
def test_a_phone_never_scrolls_sideways(page: Browser, run: Run, hash: str) -> None:
    page.resize(360, 740)
    page.open(run.path / "report.html", hash)
    if "trace=" in hash:
        page.one("article")
        assert not page.run("return document.querySelector('.list').checkVisibility()")
    assert page.run("return document.documentElement.scrollWidth") == 360
    assert page.run(f"return {OUTSIDE}.length") == 0


def brightness(page: Browser, selector: str, what: str) -> float:
    colour = page.run(
        "return getComputedStyle(document.querySelector(arguments[0]))[arguments[1]]", selector, what
    )
    return sum(map(float, re.findall(r"[\d.]+", colour)[:3])) / 3


def test_dark_by_preference_and_by_the_switch(page: Browser, run: Run) -> None:
    assert brightness(page, "body", "backgroundColor") > 240 > 80 > brightness(page, "body", "color")
    page.prefer(color_scheme="dark", reduced_motion="reduce")
    assert brightness(page, "body", "backgroundColor") < 40 < 200 < brightness(page, "body", "color")
    page.press("d")
    assert brightness(page, "body", "backgroundColor") > 240
    page.run("try { localStorage.clear() } catch {}")


def test_hostile_text_is_shown_as_text(page: Browser, run: Run) -> None:
    page.go("#traces?trace=g2.h005.0")
    page.one("article")
    shown = page.text("article")
    assert "<script>document.title = 'stolen'</script><img src=x onerror=" in shown
    assert "&lt;b&gt;" in shown
    for spelt in ("U+001B", "U+0000", "U+202E", "U+202C", "U+FEFF"):
        assert spelt in shown
    assert not re.search("[\x00\x1b\u202e\u202c\ufeff]", shown)
    assert page.driver.title == "played, seed 0"
    assert (
        page.run("return document.querySelectorAll('article script, article img, article style').length") == 0
    )
    assert page.run("return document.body.checkVisibility()")


def test_a_megabyte_of_text_is_cut_until_it_is_asked_for(chromium: Browser, tmp_path: Path) -> None:
    run = page_run.write(tmp_path / "run", BLOCKS, "<b>" + "long" * 250_000 + "\u202e" * 50_000 + "END")
    write_page(run)
    chromium.open(run.path / "report.html", "#traces?trace=g2.h005.0")
    chromium.one("article")
    assert "END" not in chromium.text("article")
    chromium.click(".more")
    chromium.until(lambda: "END" in chromium.text("article"))
    assert "\u202e" not in chromium.text("article")
    assert chromium.complaints() == []


def test_a_large_run_loads_its_traces_from_beside(
    chromium: Browser, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(render, "ROOM", 0)
    run = page_run.write(tmp_path / "run", BLOCKS)
    write_page(run)
    chromium.resize(1280, 900)
    chromium.open(run.path / "report.html")
    assert not chromium.run("return performance.getEntriesByType('resource').length")
    chromium.go("#traces?trace=g1.d003.0&text=g1.d003")
    assert counts(chromium, 1)
    chromium.one("article")
    assert chromium.complaints() == []
    for file in run.path.glob("report-data/traces-*"):
        file.unlink()
    chromium.open(run.path / "report.html", "#traces?trace=g1.d003.0")
    chromium.until(lambda: "belongs beside this page" in chromium.text(".notice"))
    chromium.complaints()


def test_a_page_without_pictures_says_how_to_have_them(chromium: Browser, run: Run, tmp_path: Path) -> None:
    """As a run leaves it: its plans are lists of steps."""
    copy = Run.open(Path(shutil.copytree(run.path, tmp_path / "run")))
    planned = next(verdict.trace_id for verdict in run.verdicts(0) if verdict.plan)
    chromium.open(write_page(copy, pictures=False), f"#traces?trace={planned}")
    chromium.until(lambda: "iterdeploy report RUN" in chromium.text("article"))
    assert not chromium.all(".stage")
    assert chromium.complaints() == []


def test_nothing_from_the_network_is_allowed(page: Browser) -> None:
    refused = page.driver.execute_async_script(
        "const done = arguments[0]; fetch('https://example.org').then(() => done('open'), () => done('refused'))"
    )
    assert refused == "refused"
    assert any("Content Security Policy" in message for message in page.complaints())


def test_it_prints_its_figures(page: Browser) -> None:
    printed = page.driver.print_page()
    assert len(printed) > 20_000


def test_a_run_without_a_generation_opens(chromium: Browser, tmp_path: Path) -> None:
    import fake_run

    write_page(fake_run.write(tmp_path / "run", fake_run.recipe(), finished=-1))
    chromium.open(tmp_path / "run" / "report.html")
    assert "no generation is finished yet" in chromium.text(".lead")
    chromium.go("#traces")
    assert counts(chromium, 0)
    assert chromium.complaints() == []
