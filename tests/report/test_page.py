"""The data of the page: what its blocks hold is what the run's files hold, and what its figures count."""

from __future__ import annotations

import base64
import gzip
import html
import json
import re
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import fake_run
import page_run
import pytest

from iterdeploy.domains import family_of
from iterdeploy.draw import draw_plan
from iterdeploy.measure import binned
from iterdeploy.pddl import parse_domain, parse_problem, read_plan
from iterdeploy.report.numbers import read_numbers
from iterdeploy.report.page import Page, render, render_page, write_page
from iterdeploy.report.page.blocks import Group, fitting, pack
from iterdeploy.report.page.pictures import elements
from iterdeploy.report.page.traces import FAULTS
from iterdeploy.store import Run
from iterdeploy.types import Fault

FERRY = page_run.Played(family_of("ferry"), {"cars": 3, "locations": 4})


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    return page_run.write(tmp_path_factory.mktemp("page") / "run", FERRY, page_run.HOSTILE)


def unpacked(block: str) -> Any:
    return json.loads(gzip.decompress(base64.b64decode(block)))


def inside(page: Page) -> dict[str, Any]:
    """The blocks in the page itself."""
    found = re.findall(r'<script type="text/plain" id="block-([\w-]+)">([\w+/=]*)</script>', page.html)
    return {name: unpacked(block) for name, block in found}


def beside(page: Page) -> dict[str, Any]:
    """The blocks of the files beside it."""
    found = (
        re.fullmatch(rb'iterdeployBlock\("([\w-]+)","([\w+/=]*)"\)\n', data) for data in page.files.values()
    )
    return {match[1].decode(): unpacked(match[2].decode()) for match in found if match}


def test_a_group_is_in_the_page_whole_or_beside_it_whole() -> None:
    files: dict[str, bytes] = {}
    small, large, last = (Group(1000, files.__setitem__) for _ in range(3))
    small.add("a", [1])
    for number in range(3):
        large.add(f"b-{number}", [n**9 for n in range(60)])
    last.add("c", [3])
    kept = fitting([small, large, last], 1000)
    assert set(kept) == {"a", "c"}
    assert set(files) == {"report-data/b-0.js", "report-data/b-1.js", "report-data/b-2.js"}
    assert pack({"x": 1}) == pack({"x": 1})
    assert unpacked(kept["a"]) == [1]


def test_bins_share_a_width_and_lose_nothing() -> None:
    assert binned([{1: 2, 3: 1}, {}], 5) == (1, [[(1, 2), (3, 1)], []])
    counts = [{value: value % 3 + 1 for value in range(7, 1234)}, {40_000: 5}]
    width, rows = binned(counts, 32)
    assert width == 2000
    assert [sum(n for _, n in row) for row in rows] == [sum(one.values()) for one in counts]
    assert binned([], 5) == (1, [])


def test_the_summary_has_the_numbers_of_the_report(run: Run) -> None:
    numbers = read_numbers(run)
    first = inside(render_page(run))["summary"]
    assert first["numbers"]["name"] == "played"
    for row, g in zip(first["numbers"]["generations"], numbers.generations, strict=True):
        assert (row["deployed"]["solved"], row["heldout"]["asked"]) == (g.deployed.solved, g.heldout.asked)
        assert row["deployed"]["gained"] == len(g.deployed.gained)
        counted = sum(
            n for number, bins in first["plan_length"]["deployed"] if number == g.number for _, n in bins
        )
        assert counted == sum(v.valid for v in run.verdicts(g.number))
    changed = {key for key, _, _ in first["recipe"]["changed"]}
    assert changed >= {"tasks.domain", "deploy.max_tokens"}
    assert not changed & {"base.model", "name", "seed"}
    assert first["training"][0]["validation"] == [[40, 0.2]]
    assert first["training"][1]["audit"] == {"trained_tokens": 123}
    assert [2, "deploy", 4.0] in first["seconds"]
    assert [one["id"] for one in first["series"]] == []


def test_optional_figures_come_with_what_they_show(tmp_path: Path) -> None:
    several = fake_run.write(tmp_path / "run", fake_run.recipe(samples=2))
    first = inside(render_page(several, bound=lambda task: task.size))["summary"]
    assert [one["id"] for one in first["series"]] == ["over-the-bound", "unanimous"]
    assert first["series"][0]["lines"][0]["points"][0] == [0, 2.0]


def test_the_index_tells_every_verdict(run: Run) -> None:
    blocks = inside(render_page(run))
    tasks = blocks["tasks"]
    for place, chunk in enumerate(blocks["summary"]["chunks"]):
        index = blocks[f"index-{place}"]
        traces = run.traces(chunk["generation"], chunk["split"])
        verdicts = run.verdicts(chunk["generation"], chunk["split"])
        assert index["ids"] is None, "ids of a run follow from the rest"
        for row, (trace, verdict) in enumerate(zip(traces, verdicts, strict=True)):
            assert tasks["ids"][index["task"][row]] == trace.task_id
            assert FAULTS[index["fault"][row]] == (verdict.fault or "")
            assert index["steps"][row] == verdict.cost
            step = re.match(r"step (\d+): ", verdict.reason)
            assert index["failing"][row] == (int(step[1]) if step else 0)
            text, reason, plan, _ = blocks[f"traces-{place}-0"][row]
            assert (text, reason) == (trace.text, verdict.reason)
            assert tuple(plan.split("\n") if plan else ()) == verdict.plan
            learned = index["sets"][index["learned"][row]]
            assert learned == [
                n for n in (1, 2) if trace.id in {example.trace_id for example in run.examples(n)}
            ]


def test_other_ids_and_missing_examples_are_no_trouble(tmp_path: Path) -> None:
    blocks = inside(render_page(fake_run.write(tmp_path / "run", fake_run.recipe())))
    assert blocks["index-0"]["ids"][0] == "g0-deployed-0000-0"
    assert blocks["index-0"]["sets"] == [[]]
    assert blocks["pictures-0"]["tasks"]["deployed-0000"] == [], "its problem is no PDDL, and has no picture"


def test_a_plan_as_pictures_is_the_plan_as_frames(run: Run) -> None:
    """Putting the changes together again gives the frames that `draw` made, element by element."""
    pictures = inside(render_page(run))["pictures-0"]
    tasks = {task.id: task for task in run.tasks()}
    planned = [(t, v) for t, v in zip(run.traces(1), run.verdicts(1), strict=True) if v.plan]
    assert {v.fault for _, v in planned} >= {None, Fault.PRECONDITION}
    for trace, verdict in planned:
        drawing = next(one for one in pictures["tasks"][trace.task_id] if trace.id in one["traces"])
        spec = tasks[trace.task_id].spec
        domain = parse_domain(spec["domain"])
        plan = read_plan("\n".join(verdict.plan)).actions
        frames = draw_plan(domain, parse_problem(spec["problem"], domain), plan).frames
        assert [number for number, _, _ in drawing["frames"]] == [frame.number for frame in frames]
        there: dict[str, str] = {}
        for (_, new, gone), frame in zip(drawing["frames"], frames, strict=True):
            for name in gone:
                del there[name]
            there |= dict(pictures["elements"][place] for place in new)
            assert there == dict(elements(frame.body, {}))


def test_elements_of_a_drawing() -> None:
    body = '<path d="M0"/><g data-name="b1"><g><rect/></g><text>a&gt;b</text></g><g data-name="b1"/><line/>'
    found = dict(elements(body, {}))
    assert list(found) == ["#0", "b1", "~1", "~2"]
    assert "".join(found.values()) == body
    known: dict[str, tuple[str, str]] = {}
    assert list(elements(body, known)) == list(elements(body, known)) == list(elements(body, {}))
    with pytest.raises(ValueError, match="without an end"):
        list(elements("<g><rect/>", {}))


def test_pictures_are_well_formed_and_hold_no_program(run: Run) -> None:
    for _, text in inside(render_page(run))["pictures-0"]["elements"]:
        ElementTree.fromstring(text)
        assert not re.search(r"<script|\bon\w+=|href", text)


def test_the_same_run_gives_the_same_bytes(tmp_path: Path) -> None:
    pages = [render_page(page_run.write(tmp_path / name, FERRY)) for name in ("one", "two")]
    assert pages[0] == pages[1]
    file = write_page(Run.open(tmp_path / "one"))
    assert file.read_text() == pages[0].html
    Run.open(tmp_path / "one").add_seconds(None, "report", 3.0)
    assert write_page(Run.open(tmp_path / "one")).read_text() == pages[0].html, "its own making is not in it"


def test_texts_that_find_no_room_lie_beside(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = inside(render_page(run))
    monkeypatch.setattr(render, "ROOM", 6000)
    page = render_page(run)
    assert "summary" in inside(page)
    assert {"tasks-0", "traces-0-0"} <= beside(page).keys()
    assert inside(page) | beside(page) == whole
    write_page(run)
    assert {str(file.relative_to(run.path)) for file in run.path.glob("report-data/*")} == page.files.keys()
    monkeypatch.undo()
    write_page(run)
    assert not (run.path / "report-data").exists(), "what an earlier page needed is gone"


def test_pages_of_texts_end_where_they_grow_large(tmp_path: Path) -> None:
    run = page_run.write(tmp_path / "run", FERRY, "x" * 1_500_000)
    blocks = inside(render_page(run))
    assert blocks["summary"]["chunks"][-1]["pages"] == [0]
    assert len(blocks["traces-5-0"][-1][0]) == 1_500_000


def test_the_page_asks_for_nothing_and_holds_no_text_of_a_model(run: Run) -> None:
    page = render_page(run).html
    assert len(page) < 3_000_000
    assert "default-src 'none'" in page
    assert not re.search(r'(?:src|href)="(?!#)', page), "nothing is loaded"
    assert "stolen" not in page
    assert html.escape("played, seed 0") in page


def test_a_run_without_a_generation_has_a_page(tmp_path: Path) -> None:
    page = render_page(fake_run.write(tmp_path / "run", fake_run.recipe(), finished=-1))
    assert inside(page)["summary"]["numbers"]["generations"] == []
    assert render_page(fake_run.write(tmp_path / "no", fake_run.recipe(heldout=0))).html
