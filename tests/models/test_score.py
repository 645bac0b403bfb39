"""What is scored is what was sampled: the model's own traces get the log-probabilities that were recorded."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
import tiny

from iterdeploy.errors import BadInput
from iterdeploy.recipe import Curate, Deploy
from iterdeploy.types import Scorer


def test_own_traces_score_as_they_were_recorded(base: Path) -> None:
    with tiny.trainer(tiny.recipe(base)) as trainer:
        model = trainer.load(None)
        assert isinstance(model, Scorer)
        traces = list(model.answer(tiny.requests()))
        found = model.score([(trace.prompt_ids, trace.token_ids) for trace in traces])
        alone = model.score([(traces[3].prompt_ids, traces[3].token_ids)])
    for trace, one in zip(traces, found, strict=True):
        assert one == pytest.approx(math.fsum(trace.logprobs), abs=1e-4 * len(trace.token_ids) + 1e-3), (
            trace.id
        )
    assert alone == pytest.approx([found[3]], abs=1e-3)
    assert len({round(one, 2) for one in found}) > 10


def test_another_temperature_scores_otherwise(base: Path) -> None:
    given = ([1, 2, 3], [4, 5, 6])
    scores = []
    for temperature in (0.7, 1.4):
        with tiny.trainer(tiny.recipe(base, deploy=Deploy(temperature=temperature, max_tokens=8))) as trainer:
            scores += trainer.load(None).score([given])
    assert abs(scores[0] - scores[1]) > 0.1


def test_weights_by_likelihood_want_answers_that_were_drawn_from_all_tokens(base: Path) -> None:
    cut = tiny.recipe(base, deploy=Deploy(top_p=0.9, max_tokens=8), curate=Curate(weights="ratio"))
    with pytest.raises(BadInput, match=r"deploy\.top_p is 0\.9"):
        tiny.trainer(cut)
