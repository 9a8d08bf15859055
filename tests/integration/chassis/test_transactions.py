"""Offsets are not records: transactions, their markers and retention leave gaps, and no gap is lag."""

import re
from pathlib import Path

from tests.conftest import Infrastructure
from tests.integration.chassis.log import a_transaction, delete_all, lag, send
from tests.integration.chassis.toy import Counted
from tests.support.harness import Toy, a_record, a_toy, feed, until

QUICK = {"LUTONG_STALL_TIMEOUT_S": "1"}


async def counted(toy: Toy, **totals: int) -> None:
    async def they_are() -> bool:
        return await toy.totals() == totals

    await until(they_are, f"the toy counted {totals}")


async def nothing_left(toy: Toy) -> None:
    """Wait until the group's offsets are at the end of the log."""

    async def at_the_end() -> bool:
        return await lag(toy) == 0

    await until(at_the_end, "the committed offsets are at the end of the log")


async def reported_lag(toy: Toy) -> float:
    metrics = await toy.get("/metrics")
    assert metrics is not None
    found = re.search(r"^lutong_consumer_lag_events (\S+)", metrics.text, re.MULTILINE)
    assert found
    return float(found[1])


async def is_well(toy: Toy) -> None:
    """Alive, and nothing left to read: by the watchdog's next look, for it looks every two seconds."""

    async def no_lag() -> bool:
        return await reported_lag(toy) == 0

    await until(no_lag, "no lag is reported")
    live = await toy.get("/livez")
    assert live is not None
    assert (live.status_code, live.json()["reason"]) == (200, None)


async def test_what_a_publisher_took_back_has_no_effect(infrastructure: Infrastructure, tmp_path: Path) -> None:
    async with a_toy(infrastructure, tmp_path) as toy:
        toy.start()
        await toy.ready()
        async with a_transaction(toy) as publisher:
            await send(publisher, toy, Counted(counter_id="a", place=1), Counted(counter_id="b", place=1))
            await publisher.abort_transaction()
        async with a_transaction(toy) as publisher:  # negative control: what is committed has effect
            await send(publisher, toy, Counted(counter_id="a", place=2))
            await publisher.commit_transaction()
        await counted(toy, a=1)
        await nothing_left(toy)
        assert await toy.totals() == {"a": 1}


async def test_what_is_not_committed_yet_waits(infrastructure: Infrastructure, tmp_path: Path) -> None:
    async with a_toy(infrastructure, tmp_path) as toy:
        toy.start(**QUICK)
        await toy.ready()
        async with a_transaction(toy) as publisher:
            await send(publisher, toy, Counted(counter_id="a", place=1))
            await feed(toy.bootstrap, toy.consumed, [a_record(Counted(counter_id=f"c{n}")) for n in range(9)])

            async def others_flow() -> bool:  # those of other partitions
                return len(await toy.totals()) > 0

            await until(others_flow, "other partitions flow")
            assert "a" not in await toy.totals()
            await is_well(toy)
            await publisher.commit_transaction()
        await counted(toy, a=1, **{f"c{n}": 1 for n in range(9)})


async def test_a_transaction_s_marker_is_no_lag(infrastructure: Infrastructure, tmp_path: Path) -> None:
    async with a_toy(infrastructure, tmp_path) as toy:
        toy.start(**QUICK)
        await toy.ready()
        async with a_transaction(toy) as publisher:
            await send(publisher, toy, Counted(counter_id="a"))
            await publisher.commit_transaction()
        await counted(toy, a=1)
        await nothing_left(toy)
        await is_well(toy)
        toy.stop()
        toy.start(**QUICK)
        await toy.ready()
        await is_well(toy)
        assert await lag(toy) == 0


async def test_an_aborted_transaction_alone_is_no_lag(infrastructure: Infrastructure, tmp_path: Path) -> None:
    async with a_toy(infrastructure, tmp_path) as toy:
        toy.start(**QUICK)
        await toy.ready()
        async with a_transaction(toy) as publisher:
            await send(publisher, toy, Counted(counter_id="a"))
            await publisher.abort_transaction()
        await nothing_left(toy)
        await is_well(toy)
        assert await toy.totals() == {}


async def test_a_service_that_retention_passed_is_alive_and_lists_the_gap(
    infrastructure: Infrastructure, tmp_path: Path
) -> None:
    async with a_toy(infrastructure, tmp_path) as toy:
        toy.start(**QUICK)
        await toy.ready()
        await feed(toy.bootstrap, toy.consumed, [a_record(Counted(counter_id="a", place=0))])
        await counted(toy, a=1)
        await nothing_left(toy)
        toy.stop()
        await feed(toy.bootstrap, toy.consumed, [a_record(Counted(counter_id="a", place=n)) for n in range(1, 6)])
        await delete_all(toy)

        toy.start(**QUICK)
        await toy.ready()
        await nothing_left(toy)
        await is_well(toy)
        answer = (await toy.get("/operations/consumer")).json()  # type: ignore[union-attr]  # it is ready
        (missed,) = answer["missed"]
        assert (missed["topic"], missed["first"], missed["begin"]) == (toy.consumed, 1, 6)
        await feed(toy.bootstrap, toy.consumed, [a_record(Counted(counter_id="a", place=6))])
        await counted(toy, a=2)


async def test_negative_control_a_service_that_was_only_stopped_missed_nothing(
    infrastructure: Infrastructure, tmp_path: Path
) -> None:
    async with a_toy(infrastructure, tmp_path) as toy:
        toy.start()
        await toy.ready()
        await feed(toy.bootstrap, toy.consumed, [a_record(Counted(counter_id="a", place=0))])
        await counted(toy, a=1)
        toy.stop()
        await feed(toy.bootstrap, toy.consumed, [a_record(Counted(counter_id="a", place=n)) for n in range(1, 6)])
        toy.start()
        await counted(toy, a=6)
        await nothing_left(toy)
        answer = (await toy.get("/operations/consumer")).json()  # type: ignore[union-attr]  # it is ready
        assert answer["missed"] == []


async def test_topics_without_any_record_are_no_lag(infrastructure: Infrastructure, tmp_path: Path) -> None:
    async with a_toy(infrastructure, tmp_path) as toy:
        toy.start(**QUICK)
        await toy.ready()
        await is_well(toy)
        await delete_all(toy)
        await is_well(toy)
