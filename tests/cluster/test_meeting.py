"""Where trainers meet: nobody goes on before all shards of a step are there."""

from __future__ import annotations

import asyncio

from iterdeploy.cluster.meeting import Meeting


def test_a_step_is_met_when_its_shards_are_all_there() -> None:
    async def both() -> list[object]:
        meeting = Meeting()
        early = asyncio.create_task(meeting.meet(0, {0: ["a"]}))
        await asyncio.sleep(0)
        assert not early.done()
        late = await meeting.meet(0, {1: ["b"]})
        return [await early, late]

    assert asyncio.run(both()) == [{0: ["a"], 1: ["b"]}] * 2


def test_steps_are_forgotten_when_all_have_taken_them() -> None:
    async def many() -> int:
        meeting = Meeting()
        for step in range(10):
            await asyncio.gather(meeting.meet(step, {0: []}), meeting.meet(step, {1: []}))
        return len(meeting._there)

    assert asyncio.run(many()) == 2


def test_news_come_in_their_order() -> None:
    async def told() -> list[tuple[str, object]]:
        meeting = Meeting()
        for number in range(3):
            await meeting.tell("progress", number)
        return await meeting.news()

    assert asyncio.run(told()) == [("progress", 0), ("progress", 1), ("progress", 2)]
