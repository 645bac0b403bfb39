"""Generated tokens per CPU second: our engine against transformers `generate`, on one model, with the same prompts.

`generate` gets its prompts sorted by length, as our blocks are, and batches as large as ours and four times that.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import torch
from finished import arguments, last_adapter, open_finished, spread
from machine import this_machine
from race import Contender, Lap, race
from write import write_races

from iterdeploy.models.engine import BLOCK, Engine, Sampling, blocks
from iterdeploy.store import Run
from iterdeploy.train.adapters import added_up, open_base, open_generation
from iterdeploy.types import Request

Answer = Callable[[Sequence[Sequence[int]], Sampling], list[list[int]]]
"""From prompts to the sampled tokens, end token included."""

PEERS = (("dynamic", BLOCK), ("static", BLOCK), ("dynamic", 4 * BLOCK), ("static", 4 * BLOCK))
"""Caches and batch sizes of `generate`."""


def engine_answers(model: Any, tokenizer: Any) -> Answer:
    """Our engine: blocks, a cache that grows, finished rows dropped, every draw from a seed of its own."""

    def answer(prompts: Sequence[Sequence[int]], how: Sampling) -> list[list[int]]:
        engine = Engine(model, tokenizer, how, "bench")
        requests = [Request(f"{i:05}", f"{i:05}", "", 0, 0, i) for i in range(len(prompts))]
        found: dict[str, list[int]] = {}
        for block in blocks(requests, [len(p) for p in prompts]):
            for trace in engine.answer_block([requests[i] for i in block], [prompts[i] for i in block]):
                found[trace.id] = list(trace.token_ids)
        return [found[request.trace_id] for request in requests]

    return answer


def generate_answers(model: Any, tokenizer: Any, cache: str, batch: int) -> Answer:
    """transformers' `generate`, prompts padded on the left."""

    @torch.inference_mode()
    def answer(prompts: Sequence[Sequence[int]], how: Sampling) -> list[list[int]]:
        order = sorted(range(len(prompts)), key=lambda i: -len(prompts[i]))
        found: dict[int, list[int]] = {}
        for at in range(0, len(order), batch):
            rows = order[at : at + batch]
            ids, mask = _padded([prompts[i] for i in rows], tokenizer.pad_token_id)
            answers = model.generate(
                input_ids=ids, attention_mask=mask, max_new_tokens=how.max_tokens, cache_implementation=cache,
                pad_token_id=tokenizer.pad_token_id, **_drawing(how),
            )[:, ids.shape[1] :]  # fmt: skip
            for i, row in zip(rows, answers.tolist(), strict=True):
                found[i] = _until(row, tokenizer.eos_token_id)
        return [found[i] for i in range(len(prompts))]

    return answer


def _drawing(how: Sampling) -> dict[str, Any]:
    if how.temperature == 0:
        return {"do_sample": False}
    return {"do_sample": True, "temperature": how.temperature, "top_p": how.top_p, "top_k": how.top_k}


def _padded(prompts: Sequence[Sequence[int]], pad: int) -> tuple[torch.Tensor, torch.Tensor]:
    width = max(len(p) for p in prompts)
    ids = torch.tensor([[pad] * (width - len(p)) + list(p) for p in prompts])
    mask = torch.tensor([[0] * (width - len(p)) + [1] * len(p) for p in prompts])
    return ids, mask


def _until(row: Sequence[int], end: int) -> list[int]:
    return list(row[: row.index(end) + 1]) if end in row else list(row)


def contenders(
    model: Any, tokenizer: Any, prompts: Sequence[Sequence[int]], how: Sampling
) -> Iterator[Contender]:
    """Ours first, then `generate` with every cache and batch size."""

    def contender(name: str, answer: Answer) -> Contender:
        def prepare(share: float) -> Callable[[], int]:
            mine = spread(prompts, round(share * len(prompts)))
            return lambda: sum(len(row) for row in answer(mine, how))

        return Contender(name, prepare)

    yield contender(f"iterdeploy, blocks of {BLOCK}", engine_answers(model, tokenizer))
    for cache, batch in PEERS:
        name = f"generate, {cache} cache, batch {batch}"
        yield contender(name, generate_answers(model, tokenizer, cache, batch))


def models(run: Run) -> Iterator[tuple[str, Any, Any]]:
    """(heading, model, tokenizer): the base, the adapter beside it, and both added up as a run samples."""
    yield "base", *open_base(run.recipe.base.model)
    model, tokenizer = open_generation(run.recipe.base.model, last_adapter(run))
    yield "base with its adapter beside it", model, tokenizer
    model, tokenizer = open_generation(run.recipe.base.model, last_adapter(run))
    yield "base with its adapter added up, as a run samples", added_up(model), tokenizer


def greedy_note(
    heading: str, model: Any, tokenizer: Any, prompts: Sequence[Sequence[int]], limit: int
) -> str:
    """How many greedy answers agree token for token with those of `generate`."""
    how = Sampling(0.0, 1.0, 0, limit)
    ours = engine_answers(model, tokenizer)(prompts, how)
    theirs = generate_answers(model, tokenizer, "dynamic", BLOCK)(prompts, how)
    same = sum(a == b for a, b in zip(ours, theirs, strict=True))
    return f"Greedy answers of the {heading}: {same} of {len(prompts)} equal to those of `generate`, token for token."


def main() -> None:
    """Race on the base, with the adapter beside it, and added up."""
    given = arguments(__doc__.split("\n")[0], rounds=3, rows=256).parse_args()
    torch.set_num_threads(1)
    run = open_finished(given.run)
    deploy = run.recipe.deploy
    how = Sampling(deploy.temperature, deploy.top_p, deploy.top_k, deploy.max_tokens)
    tasks = spread(run.tasks("deployed"), given.rows)
    machine, races, notes = this_machine(), dict[str, list[Lap]](), list[str]()
    for heading, model, tokenizer in models(run):
        print(heading, flush=True)
        model.eval()
        prompts = tokenizer([task.prompt for task in tasks], add_special_tokens=False)["input_ids"]
        races[heading] = race(list(contenders(model, tokenizer, prompts, how)), given.rounds)
        notes.append(greedy_note(heading, model, tokenizer, prompts, deploy.max_tokens))
    settings = {
        "prompts": len(tasks),
        "temperature": how.temperature,
        "most tokens": how.max_tokens,
        "threads": 1,
    }
    print(
        write_races("sampling", "Sampling: generated tokens per CPU second", machine, settings, races, notes)
    )


if __name__ == "__main__":
    main()
