"""The server: for this machine, read-only, cheap to ask, and current."""

from __future__ import annotations

import http.client
import json
import re
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path

import fake_run
import pytest
import scripted_run

from iterdeploy.errors import BadInput
from iterdeploy.loop import run_loop
from iterdeploy.report.write import write_report
from iterdeploy.store import Run
from iterdeploy.watch import server as serving
from iterdeploy.watch.server import Live, Server


@contextmanager
def served(path: Path) -> Iterator[Server]:
    live = Live(path, lambda state: 61.0)
    with Server(live) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()
            live.painter.close()


def ask(
    server: Server, path: str, method: str = "GET", **headers: str
) -> tuple[int, http.client.HTTPMessage, bytes]:
    connection = http.client.HTTPConnection("127.0.0.1", server.server_address[1], timeout=30)
    connection.request(
        method, path, headers={name.replace("_", "-"): value for name, value in headers.items()}
    )
    answer = connection.getresponse()
    body = answer.read()
    connection.close()
    return answer.status, answer.headers, body


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(serving, "PAUSE", 0.0)


@pytest.fixture
def run(tmp_path: Path) -> Run:
    return fake_run.write(tmp_path / "run", fake_run.recipe(), finished=1)


def wait_for_page(server: Server, before: str = "") -> str:
    for _ in range(600):
        mark: str = json.loads(ask(server, "/state")[2])["page"]
        if mark != before:
            return mark
        time.sleep(0.1)
    raise AssertionError("no page came")


def test_a_run_under_way_gets_its_page_and_a_new_one_with_each_generation(run: Run) -> None:
    before = {path: path.stat().st_mtime_ns for path in run.path.rglob("*")}
    with served(run.path) as server:
        assert b"is shown here as soon as it is made" in ask(server, "/")[2]
        first = wait_for_page(server)
        text = ask(server, "/")[2].decode()
        assert f'<script src="/live.js?page={first}"></script>\n</body>' in text
        assert re.search(r"content=\"default-src 'none'; connect-src 'self'; [^\"]*script-src", text)
        assert {path: path.stat().st_mtime_ns for path in run.path.rglob("*")} == before, (
            "watching writes nothing"
        )
        fake_run.write(run.path, fake_run.recipe())
        assert wait_for_page(server, first) != first
        state = json.loads(ask(server, "/state")[2])
        assert (state["finished"], state["step"], len(state["generations"])) == (True, None, 3)


def test_a_run_is_watched_while_it_is_written(tmp_path: Path) -> None:
    """Every state on the way is whole, never goes back, and ends with the run."""
    made = Run.create(tmp_path / "run", scripted_run.RECIPE)
    writing = threading.Thread(
        target=run_loop,
        args=(made, scripted_run.Counting(), scripted_run.trainer()),
        kwargs={
            "point": lambda name: time.sleep(0.002),
            "second": scripted_run.Counting(),
            "probes": scripted_run.PROBES,
        },
    )
    with served(made.path) as server:
        seen = [json.loads(ask(server, "/state")[2])]
        writing.start()
        while not seen[-1]["finished"]:
            seen.append(json.loads(ask(server, "/state")[2]))
        writing.join()
    assert {state.get("problem") for state in seen} == {""}
    finished = [len(state["generations"]) for state in seen]
    assert finished == sorted(finished)
    places = [
        (state["step"]["generation"], state["step"]["step"], state["step"]["done"]) for state in seen[:-1]
    ]
    assert len(set(places)) > 10
    for (generation, step, done), (g, s, d) in pairwise(places):
        assert (g, d) >= (generation, done) if step == s else g >= generation


def test_the_page_of_a_finished_run_is_there_at_once(tmp_path: Path) -> None:
    run = fake_run.write(tmp_path / "run", fake_run.recipe())
    write_report(run)
    with served(run.path) as server:
        assert b"live.js?page=" in ask(server, "/")[2]
        assert server.live.painter.folder == run.path


def test_an_unchanged_state_costs_a_few_bytes(run: Run) -> None:
    with served(run.path) as server:
        wait_for_page(server)
        status, headers, body = ask(server, "/state")
        assert (status, json.loads(body)["left"]) == (200, None), "nobody writes to it"
        again, _, empty = ask(server, "/state", If_None_Match=str(headers["ETag"]))
        assert (again, empty) == (304, b"")
        run.add_seconds(2, "curate", 0.5)
        assert ask(server, "/state", If_None_Match=str(headers["ETag"]))[0] == 200


@pytest.mark.parametrize(
    "host", ["evil.example", "evil.example:80", "127.0.0.1.evil.example", "192.168.1.5", "", "[::"]
)
def test_a_name_that_is_not_ours_is_turned_away(run: Run, host: str) -> None:
    with served(run.path) as server:
        for path in ("/", "/state", "/live.js"):
            status, _, body = ask(server, path, Host=host)
            assert (status, b"small" in body) == (421, False)


@pytest.mark.parametrize("host", ["localhost:1234", "127.0.0.1", "[::1]:80", "LOCALHOST"])
def test_a_tunnel_may_come_in_by_any_port(run: Run, host: str) -> None:
    with served(run.path) as server:
        assert ask(server, "/state", Host=host)[0] == 200


def test_nothing_else_is_served_and_nothing_is_taken(run: Run) -> None:
    with served(run.path) as server:
        wait_for_page(server)
        for path in (
            "/recipe.toml",
            "/report-data/../recipe.toml",
            "/report-data/%2e%2e",
            "/../lock",
            "/report-data/x.js",
        ):
            assert ask(server, path)[0] == 404, path
        for method in ("POST", "PUT", "DELETE", "OPTIONS"):
            assert ask(server, "/", method)[0] == 501
        status, headers, body = ask(server, "/live.js", "HEAD")
        assert (status, body, int(headers["Content-Length"]) > 0) == (200, b"", True)
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert headers["Cross-Origin-Resource-Policy"] == "same-origin"


def test_files_beside_the_page_are_served(tmp_path: Path) -> None:
    run = fake_run.write(tmp_path / "run", fake_run.recipe())
    write_report(run)
    (run.path / "report-data").mkdir(exist_ok=True)
    (run.path / "report-data" / "traces-1.js").write_text("iterdeployBlock()")
    with served(run.path) as server:
        ask(server, "/")
        status, headers, body = ask(server, "/report-data/traces-1.js")
        assert (status, body) == (200, b"iterdeployBlock()")
        assert str(headers["Content-Type"]).startswith("text/javascript")


@pytest.mark.parametrize("host", ["0.0.0.0", "192.168.1.5", "::", "myhost.example"])
def test_others_see_it_only_if_that_is_asked_for(run: Run, host: str) -> None:
    with pytest.raises(BadInput, match=r"would let others see this run.*--share"):
        Server(Live(run.path, lambda state: None), host)


def test_where_it_is_shared_addresses_are_names_too(run: Run) -> None:
    with Server(Live(run.path, lambda state: None), "0.0.0.0", share=True) as server:
        assert server.may_be_called("192.168.1.5:80")
        assert not server.may_be_called("evil.example")


def test_a_port_that_is_taken(run: Run) -> None:
    with (
        Server(Live(run.path, lambda state: None)) as server,
        pytest.raises(BadInput, match="give another --port"),
    ):
        Server(Live(run.path, lambda state: None), port=server.server_address[1])


def test_a_page_that_cannot_be_made_is_said(run: Run) -> None:
    run.verdicts_file(0).write_text("torn")
    with served(run.path) as server:
        for _ in range(300):
            problem = json.loads(ask(server, "/state")[2])["problem"]
            if problem:
                break
            time.sleep(0.1)
        assert "verdicts.jsonl" in problem
        assert ask(server, "/")[0] == 200
