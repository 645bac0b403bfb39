"""Lineage is what the steps left: it is checked against the files themselves, on whole scripted runs."""

from __future__ import annotations

import json
from dataclasses import replace
from hashlib import sha256
from pathlib import Path

import pytest
import scripted_run

from iterdeploy import lineage
from iterdeploy.cli import main
from iterdeploy.errors import BadInput, Torn
from iterdeploy.recipe import Curate
from iterdeploy.store import Run

Capture = pytest.CaptureFixture[str]


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    folder = tmp_path_factory.mktemp("lineage") / "run"
    scripted_run.go(folder)
    return Run.open(folder)


def last_start(folder: Path) -> Run:
    """RAFT's shape: each generation goes on from the one before, on the traces of that one."""
    recipe = scripted_run.RECIPE
    recipe = replace(recipe, curate=Curate(pool="last"), train=replace(recipe.train, start="last"))
    scripted_run.go(folder, recipe)
    return Run.open(folder)


def test_every_example_is_counted_under_the_generation_that_sampled_it(run: Run) -> None:
    rows = lineage.generations(run)
    assert [row.number for row in rows] == [0, 1, 2]
    sampled = {trace.id: trace.generation for n in range(3) for trace in run.traces(n)}
    for row in rows[1:]:
        examples = run.examples(row.number)
        assert row.examples == len(examples) == sum(source.examples for source in row.sources) > 0
        for source in row.sources:
            by = [e for e in examples if sampled[e.trace_id] == source.generation]
            assert (source.examples, source.model) == (len(by), run.traces(source.generation)[0].model)
    assert len(rows[2].sources) == 2, "the pool holds the traces of all generations before"


def test_a_generation_names_its_model_its_parent_and_its_files(run: Run) -> None:
    base, first, second = lineage.generations(run)
    assert (base.parent, base.sources, base.digests) == (None, (), {})
    assert first.parent == second.parent == base.model
    assert second.model == run.traces(2)[0].model
    file = "gen-2/examples.jsonl"
    assert second.digests[file] == sha256((run.path / file).read_bytes()).hexdigest()
    assert any(name.startswith("gen-2/adapter/") for name in second.digests)


def test_new_and_dropped_are_those_of_the_files(run: Run) -> None:
    one, two = ({e.trace_id for e in run.examples(n)} for n in (1, 2))
    row = lineage.generations(run)[2]
    assert (row.fresh, row.dropped) == (len(two - one), len(one - two))


def test_from_a_trace_to_every_generation_that_learned_from_it(run: Run) -> None:
    taught = {n: {e.trace_id for e in run.examples(n)} for n in (1, 2)}
    for trace in [*run.traces(0), *run.traces(1)]:
        found = lineage.origin(run, trace.id)
        assert found.trained == tuple(n for n, ids in taught.items() if trace.id in ids)
        assert lineage.learned(run).get(trace.id, ()) == found.trained
        assert (found.generation, found.model, found.inherited) == (trace.generation, trace.model, ())


def test_a_held_out_trace_teaches_nobody(run: Run) -> None:
    found = lineage.origin(run, run.traces(1, "heldout")[0].id)
    assert (found.split, found.trained) == ("heldout", ())


def test_weights_that_go_on_inherit(tmp_path: Path) -> None:
    run = last_start(tmp_path / "run")
    rows = lineage.generations(run)
    assert [row.parent for row in rows] == [None, rows[0].model, rows[1].model]
    assert rows[2].pool == (1,)
    first = run.examples(1)[0].trace_id
    found = lineage.origin(run, first)
    assert (found.trained, found.inherited) == ((1,), (2,))


def test_an_example_that_nobody_sampled_is_found_out(tmp_path: Path) -> None:
    scripted_run.go(tmp_path / "run")
    run = Run.open(tmp_path / "run")
    file = run.examples_file(1)
    taken = run.examples(1)[0].trace_id
    file.write_bytes(file.read_bytes().replace(taken.encode(), b"g0.made-up.0"))
    with pytest.raises(Torn, match=r"g0\.made-up\.0 of task .* is no trace of generation 0"):
        lineage.generations(run)


def test_a_run_under_way_is_explained_as_far_as_it_is(tmp_path: Path) -> None:
    scripted_run.go(tmp_path / "run")
    run = Run.open(tmp_path / "run")
    run.generation_file(2).unlink()
    run.traces_file(2).unlink()
    last = lineage.generations(run)[-1]
    assert (last.number, last.model, last.row) == (2, None, None)
    assert last.examples == len(run.examples(2))


def test_embedded_in_a_page_it_is_plain_data(run: Run) -> None:
    whole = json.loads(json.dumps(lineage.embed(run)))
    assert [row["number"] for row in whole["generations"]] == [0, 1, 2]
    assert whole["learned"][run.examples(1)[0].trace_id][0] == 1


def test_explain_a_run(run: Run, capsys: Capture) -> None:
    assert main(["explain", str(run.path)]) == 0
    out = capsys.readouterr().out
    assert "sampled by" in out
    assert "curated   paper, from all generations before" in out
    assert main(["explain", str(run.path), "--json"]) == 0
    rows = json.loads(capsys.readouterr().out)["generations"]
    assert [row["examples"] for row in rows] == [0, len(run.examples(1)), len(run.examples(2))]


def test_explain_a_generation(run: Run, capsys: Capture) -> None:
    assert main(["explain", str(run.path), "--generation", "2"]) == 0
    assert "sha256    " in capsys.readouterr().out
    assert main(["explain", str(run.path), "--generation", "2", "--json"]) == 0
    taught = json.loads(capsys.readouterr().out)["taught"]
    assert [one["trace_id"] for one in taught] == [e.trace_id for e in run.examples(2)]
    assert main(["explain", str(run.path), "--generation", "0"]) == 0
    assert "it is the base" in capsys.readouterr().out


def test_explain_a_trace(run: Run, capsys: Capture) -> None:
    trace = run.examples(1)[0].trace_id
    assert main(["explain", str(run.path), trace]) == 0
    out = capsys.readouterr().out
    assert "verdict   valid" in out
    assert "trained   generation 1" in out
    assert main(["explain", str(run.path), run.traces(0, "heldout")[0].id]) == 0
    assert "held-out tasks are never trained on" in capsys.readouterr().out


def test_explain_says_what_there_is_instead(run: Run, tmp_path: Path, capsys: Capture) -> None:
    assert main(["explain", str(run.path), "--generation", "7"]) == 2
    assert "has no generation 7 yet; it has generations 0 to 2" in capsys.readouterr().err
    assert main(["explain", str(run.path), "g0.deployed-00"]) == 2
    assert "did you mean g0.deployed-000.0" in capsys.readouterr().err
    assert main(["explain", str(run.path), "x", "--generation", "1"]) == 2
    with pytest.raises(BadInput, match="no generation has answered yet"):
        lineage.origin(Run.create(tmp_path / "new", scripted_run.RECIPE), "x")
