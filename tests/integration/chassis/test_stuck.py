"""A batch that cannot move is seen, its guilty record is named, and an operator can go on behind it."""

import re
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.conftest import Infrastructure
from tests.integration.chassis.toy import CUT_PLACE, STUCK_PLACE, Counted
from tests.support.harness import Toy, a_record, a_toy, feed, read_topic, until

QUICK = {"LUTONG_STUCK_TIMEOUT_S": "1", "LUTONG_RETRY_DELAY_MAX_S": "0.2"}
STALL_S = 3
WHY = "its connection is always cut"


async def fed(toy: Toy) -> dict[str, Any]:
    """Events of nine keys, one of which can never be counted; gives the topic, partition and offset of that one."""
    others = [a_record(Counted(counter_id=f"c{n}", place=n)) for n in range(9)]
    cut = a_record(Counted(counter_id="cut", place=CUT_PLACE))
    behind = a_record(Counted(counter_id="cut", place=2))
    await feed(toy.bootstrap, toy.consumed, [*others[:4], cut, behind, *others[4:]])
    guilty = next(record for record in await read_topic(toy.bootstrap, toy.consumed) if record.key == b"cut")
    return {"topic": guilty.topic, "partition": guilty.partition, "offset": guilty.offset}


async def tried_again(toy: Toy, where: dict[str, Any]) -> dict[str, Any]:
    """Wait until every replica can tell which record is tried again; gives what they say."""

    async def retry() -> dict[str, Any] | None:
        answer = await toy.get("/operations/consumer")
        rows = answer.json()["stuck"] if answer is not None and answer.status_code == 200 else []
        return next((row for row in rows if where["offset"] in row["offsets"]), None)

    found: dict[str, Any] = await until(retry, "the record is tried again")
    return found


async def skip(toy: Toy, where: dict[str, Any], **other: Any) -> httpx.Response:
    return await toy.post("/operations/parked/skip", **(where | {"reason": WHY} | other))


async def goes_on(toy: Toy) -> None:
    """Wait until everything but the skipped record is counted."""

    async def all_but_one() -> bool:
        return await toy.totals() == {"cut": 1} | {f"c{n}": 1 for n in range(9)}

    await until(all_but_one, "the consumer goes on behind the skipped record")


async def kept(toy: Toy) -> list[tuple[str, str, str]]:
    rows = await toy.rows("SELECT state, reason, convert_from(key, 'UTF8') AS key FROM parked ORDER BY \"offset\"")
    return [(row["state"], row["reason"], row["key"]) for row in rows]


async def test_a_batch_that_cannot_move_is_seen_everywhere(infrastructure: Infrastructure, tmp_path: Path) -> None:
    async with a_toy(infrastructure, tmp_path) as toy:
        toy.start(LUTONG_STALL_TIMEOUT_S=str(STALL_S), **QUICK)
        await toy.ready()
        where = await fed(toy)

        place = f"{where['topic']}/{where['partition']}@{where['offset']}"
        expected = rf"tries the same batch for (\d+) s \(\d+ times\): ConnectionResetError at toy\.py:\d+, {place}"

        async def alive_and_stuck() -> dict[str, Any] | None:
            answer = await toy.get("/livez")
            assert answer is not None
            assert answer.status_code == 200, answer.text
            body: dict[str, Any] = answer.json()
            found = re.fullmatch(expected, body["stuck"] or "")
            return body if found and int(found[1]) > STALL_S else None

        live = await until(alive_and_stuck, f"liveness holds for longer than a stall may last, and says {expected}")
        ready = await toy.get("/readyz")
        metrics = await toy.get("/metrics")
        assert ready is not None
        assert metrics is not None
        assert (ready.status_code, ready.json()["stuck"][:20]) == (200, live["stuck"][:20])
        found = re.search(r"^lutong_consumer_stuck_seconds (\S+)", metrics.text, re.MULTILINE)
        assert found
        assert float(found[1]) > 1
        assert (await tried_again(toy, where))["where"] == place


async def test_others_of_a_batch_flow_while_its_guilty_record_is_tried_again(
    infrastructure: Infrastructure, tmp_path: Path
) -> None:
    async with a_toy(infrastructure, tmp_path) as toy:
        toy.start(**QUICK)
        await toy.ready()
        await fed(toy)

        async def others_flow() -> bool:
            return await toy.totals() == {f"c{n}": 1 for n in range(9)}

        await until(others_flow, "every other key of the batch is counted; its own key waits in order")


async def test_a_skipped_record_is_kept_and_the_consumer_goes_on(
    infrastructure: Infrastructure, tmp_path: Path
) -> None:
    async with a_toy(infrastructure, tmp_path) as toy:
        toy.start(**QUICK)
        await toy.ready()
        where = await fed(toy)
        await tried_again(toy, where)
        answer = await skip(toy, where)
        assert answer.status_code == 202, answer.text
        await goes_on(toy)

        assert await kept(toy) == [("discarded", "skipped", "cut")]
        (row,) = await toy.rows("SELECT value, error FROM parked")
        assert b'"place":994' in row["value"]
        assert re.fullmatch(r"ConnectionResetError at toy\.py:\d+", row["error"])
        place = f"{where['topic']}/{where['partition']}@{where['offset']}"
        audit = await toy.rows("SELECT actor, action, subject, reason FROM audit ORDER BY id")
        assert [tuple(row) for row in audit] == [("olga", "parked.skip", f"record:{place}", WHY)]

        async def nothing_is_stuck() -> bool:
            live, consumer = await toy.get("/livez"), await toy.get("/operations/consumer")
            assert live is not None
            assert consumer is not None
            return live.json()["stuck"] is None and consumer.json()["stuck"] == []

        await until(nothing_is_stuck, "nothing is called stuck any more")


async def test_skipping_twice_is_skipping_once(infrastructure: Infrastructure, tmp_path: Path) -> None:
    async with a_toy(infrastructure, tmp_path) as toy:
        toy.start(**QUICK)
        await toy.ready()
        where = await fed(toy)
        await tried_again(toy, where)
        first, second = await skip(toy, where), await skip(toy, where)
        await goes_on(toy)
        third = await skip(toy, where)
        assert (first.status_code, second.json(), third.json()) == (202, first.json(), first.json())
        assert await kept(toy) == [("discarded", "skipped", "cut")]
        assert len(await toy.rows("SELECT FROM audit")) == 1


async def test_only_a_record_that_is_tried_again_is_skipped(infrastructure: Infrastructure, tmp_path: Path) -> None:
    async with a_toy(infrastructure, tmp_path) as toy:
        toy.start(**QUICK)
        await toy.ready()
        bad = a_record(Counted(counter_id="bad"))._replace(value=b"\xff")
        await feed(toy.bootstrap, toy.consumed, [a_record(Counted(counter_id="good")), bad])

        async def both_are_done() -> bool:
            return await toy.totals() == {"good": 1} and len(await toy.parked()) == 1

        await until(both_are_done, "one is counted and one is parked")
        (good,) = await toy.rows('SELECT topic, partition, "offset" FROM inbox')
        (parked,) = await toy.rows('SELECT topic, partition, "offset" FROM parked')
        idle = await skip(toy, dict(good), offset=good["offset"] + 40)
        where = await fed(toy)
        await tried_again(toy, where)
        refused = {
            "handled": await skip(toy, dict(good)),
            "parked": await skip(toy, dict(parked)),
            "later": await skip(toy, where, offset=where["offset"] + 1_000),
            "foreign": await skip(toy, where, topic="lutong.elsewhere"),
        }
        place = f"{where['topic']}/{where['partition']}@{where['offset']}"
        assert (idle.status_code, idle.json()["detail"].split(": ")[1]) == (409, "it tries no batch again now")
        assert f"toy-{toy.suffix} handled {good['topic']}/" in refused["handled"].json()["detail"]
        assert "is set aside already, as parked record 1 (parked)" in refused["parked"].json()["detail"]
        assert place.removesuffix("0") in refused["later"].json()["detail"]
        assert "does not consume lutong.elsewhere" in refused["foreign"].json()["detail"]
        assert [answer.status_code for answer in refused.values()] == [409, 409, 409, 404]
        assert await toy.rows("SELECT FROM skip") == []
        assert await toy.rows("SELECT FROM audit") == []


@pytest.mark.parametrize("point", ["parked_not_committed", "parked_not_offsets"])
async def test_a_crash_while_skipping_leaves_one_kept_record(
    point: str, infrastructure: Infrastructure, tmp_path: Path
) -> None:
    async with a_toy(infrastructure, tmp_path) as toy:
        toy.start(LUTONG_FAILPOINT=point, **QUICK)
        await toy.ready()
        where = await fed(toy)
        await tried_again(toy, where)
        assert (await skip(toy, where)).status_code == 202
        await toy.died()

        toy.start(**QUICK)
        await goes_on(toy)
        assert await kept(toy) == [("discarded", "skipped", "cut")]
        rows = await toy.rows("SELECT action FROM audit ORDER BY id")
        assert [row["action"] for row in rows] == ["parked.skip"]


async def test_negative_control_trouble_that_passes_is_not_called_stuck(
    infrastructure: Infrastructure, tmp_path: Path
) -> None:
    async with a_toy(infrastructure, tmp_path) as toy:
        toy.start(LUTONG_STUCK_TIMEOUT_S="60", LUTONG_RETRY_DELAY_MAX_S="0.2")
        await toy.ready()
        where = await fed(toy)
        await tried_again(toy, where)
        live = await toy.get("/livez")
        assert live is not None
        assert live.json() == {"live": True, "reason": None, "stuck": None}
        await toy.post("/v1/cure")

        async def all_counted() -> bool:
            return await toy.totals() == {"cut": 2} | {f"c{n}": 1 for n in range(9)}

        await until(all_counted, "everything is counted, in the end")
        (places,) = await toy.rows("SELECT places FROM counter WHERE counter_id = 'cut'")
        assert places["places"] == [CUT_PLACE, 2]
        assert await toy.rows("SELECT FROM retrying") == []


async def test_a_timestamp_without_meaning_makes_no_lag_of_decades(
    infrastructure: Infrastructure, tmp_path: Path
) -> None:
    async with a_toy(infrastructure, tmp_path) as toy:
        toy.start(LUTONG_STALL_TIMEOUT_S="2", LUTONG_SHUTDOWN_TIMEOUT_S="1")
        await toy.ready()
        await feed(toy.bootstrap, toy.consumed, [a_record(Counted(counter_id="a", place=STUCK_PLACE))], timestamp_ms=1)

        async def lags() -> str | None:
            metrics = await toy.get("/metrics")
            assert metrics is not None
            found = re.search(r"^lutong_consumer_lag_events 1\.0", metrics.text, re.MULTILINE)
            return metrics.text if found else None

        text = await until(lags, "there is lag")
        found = re.search(r"^lutong_consumer_lag_seconds (\S+)", text, re.MULTILINE)
        assert found
        assert float(found[1]) < 600


async def test_a_publisher_with_another_partitioner_is_noticed_and_not_refused(
    infrastructure: Infrastructure, tmp_path: Path
) -> None:
    async with a_toy(infrastructure, tmp_path) as toy:
        toy.start()
        await toy.ready()
        await feed(toy.bootstrap, toy.consumed, [a_record(Counted(counter_id="a"))])  # negative control: murmur2
        (right,) = await read_topic(toy.bootstrap, toy.consumed)
        wrong = (right.partition + 1) % 4
        await feed(toy.bootstrap, toy.consumed, [a_record(Counted(counter_id="a")) for _ in range(3)], partition=wrong)

        async def counted() -> bool:
            return await toy.totals() == {"a": 4}

        async def noticed() -> list[dict[str, Any]]:
            consumer = await toy.get("/operations/consumer")
            assert consumer is not None
            found: list[dict[str, Any]] = consumer.json()["misplaced"]
            return found if found and found[0]["records"] == 3 else []

        await until(counted, "all are counted")
        (found,) = await until(noticed, "the publisher is noticed")
        assert (found["source"], found["topic"], found["partition"]) == ("/test", toy.consumed, wrong)
        metrics = await toy.get("/metrics")
        assert metrics is not None
        assert "lutong_events_misplaced_total 3.0" in metrics.text
