"""A process may die anywhere. What it had committed reaches its topic, and counts once."""

from pathlib import Path

import pytest

from lutong_chassis.failpoints import POINTS
from tests.conftest import Infrastructure
from tests.integration.chassis.toy import Counted, Totalled
from tests.support.harness import a_record, a_toy, feed, read_topic, until

CONSUMING = [point for point in POINTS if not point.startswith("parked")]


@pytest.mark.parametrize("point", CONSUMING)
async def test_a_crash_anywhere_loses_nothing_and_doubles_nothing(
    point: str, infrastructure: Infrastructure, tmp_path: Path
) -> None:
    async with a_toy(infrastructure, tmp_path) as toy:
        toy.start(LUTONG_FAILPOINT=point)
        await toy.ready()
        await feed(toy.bootstrap, toy.consumed, [a_record(Counted(counter_id=f"c{n % 7}", place=n)) for n in range(21)])
        await toy.died()

        toy.start()

        async def all_published() -> bool:
            rows = await toy.rows(
                "SELECT count(*) AS said, count(*) - (SELECT count(*) FROM pending) AS published FROM outbox"
            )
            return [tuple(row) for row in rows] == [(21, 21)]

        await until(all_published, "21 answers are published")
        assert await toy.totals() == {f"c{n}": 3 for n in range(7)}
        places = {row["counter_id"]: row["places"] for row in await toy.rows("SELECT counter_id, places FROM counter")}
        assert places == {f"c{n}": [n, n + 7, n + 14] for n in range(7)}
        first = first_occurrences(await read_topic(toy.bootstrap, toy.published))
        assert {
            key: [Totalled.model_validate_json(value).total for _, value in published]
            for key, published in first.items()
        } == {f"c{n}": [1, 2, 3] for n in range(7)}


@pytest.mark.parametrize("point", ["parked_not_committed", "parked_not_offsets"])
async def test_a_crash_while_parking_leaves_exactly_one_parked_record(
    point: str, infrastructure: Infrastructure, tmp_path: Path
) -> None:
    async with a_toy(infrastructure, tmp_path) as toy:
        toy.start(LUTONG_FAILPOINT=point)
        await toy.ready()
        await feed(toy.bootstrap, toy.consumed, [a_record(Counted(counter_id="bad", poison=True))])
        await toy.died()

        toy.start()

        async def is_parked() -> bool:
            return await toy.parked() == [("parked", "handler_error", "bad")]

        await until(is_parked, "the poison is parked once")
        await feed(toy.bootstrap, toy.consumed, [a_record(Counted(counter_id="good"))])

        async def is_counted() -> bool:
            return await toy.totals() == {"good": 1}

        await until(is_counted, "other keys flow")
        assert await toy.parked() == [("parked", "handler_error", "bad")]


async def test_a_crash_after_commit_still_publishes_and_answers_the_retry_alike(
    infrastructure: Infrastructure, tmp_path: Path
) -> None:
    async with a_toy(infrastructure, tmp_path) as toy:
        toy.start(LUTONG_FAILPOINT="after_commit")
        await toy.ready()
        with pytest.raises(Exception, match=r"disconnected|reset|closed"):
            await toy.post("/v1/counts", headers_={"idempotency-key": "once"}, counter_id="a")
        await toy.died()
        toy.start()
        await toy.ready()
        answer = await toy.post("/v1/counts", headers_={"idempotency-key": "once"}, counter_id="a")

        assert (answer.status_code, answer.headers["idempotency-replayed"]) == (201, "true")

        async def counted_once() -> bool:
            return await toy.totals() == {"a": 1}

        await until(counted_once, "the command took effect once")


def first_occurrences(records: list[object]) -> dict[str, list[tuple[str, bytes]]]:
    """Per key, what was said, in the order in which each event was first seen."""
    seen: set[str] = set()
    found: dict[str, list[tuple[str, bytes]]] = {}
    for record in records:
        headers = dict(record.headers)  # type: ignore[attr-defined]  # an aiokafka ConsumerRecord
        event_id = headers["ce_id"].decode()
        if event_id not in seen:
            seen.add(event_id)
            found.setdefault(record.key.decode(), []).append((event_id, record.value))  # type: ignore[attr-defined]  # an aiokafka ConsumerRecord
    return found
