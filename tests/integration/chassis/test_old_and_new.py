"""Two releases of a service side by side: what only the new one knows waits for it, and everything else flows in order."""

import signal
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

from aiokafka import AIOKafkaConsumer

from lutong_contracts import Event
from lutong_local.ports import free_port
from tests.conftest import Infrastructure
from tests.integration.chassis.toy import Counted, Ignored
from tests.integration.chassis.toy_next import DOUBLED, IGNORED, REFINED, CountedV2, Doubled
from tests.support.harness import Toy, a_record, a_toy, feed, until

NEXT = "tests.integration.chassis.toy_next"


@asynccontextmanager
async def two(infrastructure: Infrastructure, directory: Path) -> AsyncIterator[tuple[Toy, Toy]]:
    """The old release, which runs, and the next one, which does not yet: two replicas of one service."""
    async with a_toy(infrastructure, directory) as old:
        new = replace(old, port=free_port(), log=old.log.with_suffix(".next.log"), process=None)
        old.start()
        await old.ready()
        try:
            yield old, new
        finally:
            new.stop(signal.SIGKILL)


async def publish(toy: Toy, *events: Event) -> None:
    await feed(toy.bootstrap, toy.consumed, [a_record(event) for event in events])


async def counts(toy: Toy, **wanted: Sequence[int]) -> None:
    """Wait until these places were counted, in this order, and say what was there instead."""
    seen: dict[str, list[int]] = {}

    async def counted() -> bool:
        rows = await toy.rows("SELECT counter_id, places FROM counter ORDER BY counter_id")
        seen.clear()
        seen.update({row["counter_id"]: row["places"] for row in rows})
        return seen == {name: list(places) for name, places in wanted.items()}

    try:
        await until(counted, f"{wanted} was counted")
    except AssertionError as late:
        raise AssertionError(f"{late}; there is {seen}") from None


async def nothing_is_left(toy: Toy) -> None:
    """Wait until nothing is parked or still to be read again."""

    async def settled() -> bool:
        left = await toy.rows("SELECT FROM parked WHERE state IN ('parked', 'waiting')")
        return not left and not await toy.rows("SELECT FROM passed_over WHERE type <> 'lutong.toy.ignored.v1'")

    await until(settled, "nothing is left")


async def test_a_new_type_on_an_old_topic_waits_for_its_release(infrastructure: Infrastructure, tmp_path: Path) -> None:
    async with two(infrastructure, tmp_path) as (old, new):
        await publish(
            old,
            *[
                event
                for n in range(3)
                for event in (Counted(counter_id="a", place=n), Doubled(counter_id="a", place=n))
            ],
        )
        await counts(old, a=[0, 1, 2])
        assert await old.parked() == []
        answer = await old.get("/operations/consumer")
        assert answer is not None
        assert [row["type"] for row in answer.json()["unknown"]] == ["lutong.toy.doubled.v1"]

        new.start(NEXT)
        await new.ready()
        await publish(old, Counted(counter_id="a", place=3), Counted(counter_id="b", place=0))
        old.stop()
        await publish(new, Doubled(counter_id="a", place=3))
        await nothing_is_left(new)
        rows = await new.rows("SELECT places FROM counter WHERE counter_id = 'a'")
        assert [place for place in rows[0]["places"] if place < DOUBLED] == [0, 1, 2, 3]
        await until(lambda: doubled(new), "what was passed over is counted once and in order")


async def doubled(toy: Toy) -> bool:
    rows = await toy.rows("SELECT places FROM counter WHERE counter_id = 'a'")
    return [place for place in rows[0]["places"] if place >= DOUBLED] == [
        DOUBLED,
        DOUBLED + 1,
        DOUBLED + 2,
        DOUBLED + 3,
    ]


async def test_back_to_the_old_release_and_forward_again_loses_nothing(
    infrastructure: Infrastructure, tmp_path: Path
) -> None:
    async with two(infrastructure, tmp_path) as (old, new):
        old.stop()
        new.start(NEXT)
        await new.ready()
        await publish(new, Doubled(counter_id="a", place=0))
        await counts(new, a=[DOUBLED])
        new.stop()
        old.start()
        await publish(old, Doubled(counter_id="a", place=1), Counted(counter_id="a", place=1))
        await counts(old, a=[DOUBLED, 1])
        old.stop()
        new.start(NEXT)
        await counts(new, a=[DOUBLED, 1, DOUBLED + 1])
        await nothing_is_left(new)


async def test_a_release_that_does_not_remember_loses_events(infrastructure: Infrastructure, tmp_path: Path) -> None:
    """The negative control: this is what the tests above would see."""
    async with a_toy(infrastructure, tmp_path) as toy:
        toy.start(TOY_FORGETS="1")
        await toy.ready()
        await publish(toy, Doubled(counter_id="a", place=0), Counted(counter_id="a", place=1))
        await counts(toy, a=[1])
        toy.stop()
        toy.start(NEXT)
        await publish(toy, Doubled(counter_id="a", place=2))
        await counts(toy, a=[1, DOUBLED + 2])


async def test_what_a_release_without_memory_passed_over_is_read_once(
    infrastructure: Infrastructure, tmp_path: Path
) -> None:
    async with a_toy(infrastructure, tmp_path) as toy:
        toy.start(TOY_FORGETS="unmarked")
        await toy.ready()
        await publish(toy, Doubled(counter_id="a", place=0), Counted(counter_id="a", place=1))
        await counts(toy, a=[1])
        toy.stop()
        toy.start(NEXT)
        await counts(toy, a=[1, DOUBLED])
        await publish(toy, Doubled(counter_id="a", place=2))
        await counts(toy, a=[1, DOUBLED, DOUBLED + 2])
        toy.stop()
        assert "reads_again" in toy.log.read_text()
        toy.log = toy.log.with_suffix(".again.log")
        toy.start(NEXT)
        await publish(toy, Doubled(counter_id="a", place=3))
        await counts(toy, a=[1, DOUBLED, DOUBLED + 2, DOUBLED + 3])
        assert "reads_again" not in toy.log.read_text()


async def test_a_type_handled_for_the_first_time_is_read_from_its_beginning(
    infrastructure: Infrastructure, tmp_path: Path
) -> None:
    async with two(infrastructure, tmp_path) as (old, new):
        await publish(old, Ignored(counter_id="a"), Counted(counter_id="a", place=1), Ignored(counter_id="a"))
        await counts(old, a=[1])
        old.stop()
        new.start(NEXT, TOY_HANDLES_IGNORED="1")
        await counts(new, a=[1, IGNORED, IGNORED])
        await until(lambda: no_rows(new), "it is read again no more")


async def no_rows(toy: Toy) -> bool:
    return not await toy.rows("SELECT FROM passed_over")


async def test_a_newer_version_is_parked_and_taken_up_in_order(infrastructure: Infrastructure, tmp_path: Path) -> None:
    async with two(infrastructure, tmp_path) as (old, new):
        await publish(
            old,
            Counted(counter_id="a", place=0),
            CountedV2(counter_id="a", position=1),
            Counted(counter_id="a", place=2),
            Counted(counter_id="b", place=0),
        )
        await counts(old, a=[0], b=[0])

        async def parked() -> bool:
            return await old.parked() == [("parked", "newer_version", "a"), ("waiting", "key_blocked", "a")]

        await until(parked, "the newer version is parked, and its key waits")
        error = (await old.rows("SELECT error FROM parked ORDER BY id LIMIT 1"))[0]["error"]
        assert "lutong.toy.counted.v2 is newer than lutong.toy.counted.v1: upgrade this service" in error

        new.start(NEXT)
        await counts(new, a=[0, REFINED + 1, 2], b=[0])
        await nothing_is_left(new)


async def test_a_deadline_of_a_new_kind_waits_for_its_release(infrastructure: Infrastructure, tmp_path: Path) -> None:
    async with two(infrastructure, tmp_path) as (old, new):
        old.stop()
        new.start(NEXT)
        await new.ready()
        await new.post("/v1/lapses/a?after_ms=3600000")
        await counts(new, a=[0])
        new.stop()
        old.start()
        await old.ready()
        await old.rows("UPDATE deadline SET due_at = now() WHERE type = 'lutong.toy.lapsed.v1'")
        await old.post("/v1/reminders/b?after_ms=100")

        async def fell_due() -> bool:
            return bool(await old.rows("SELECT FROM outbox WHERE type = 'lutong.toy.reminded.v1'"))

        await until(fell_due, "a later deadline of a kind that both know fell due")
        assert await old.rows("SELECT FROM deadline WHERE type = 'lutong.toy.lapsed.v1'")
        await counts(old, a=[0])

        new.start(NEXT)
        await new.ready()
        old.stop()
        await counts(new)


@asynccontextmanager
async def held(toy: Toy, counter_id: str) -> AsyncIterator[None]:
    """A counter that nothing can be added to meanwhile: a batch that wants to stays in hand."""
    async with toy.pool.acquire() as connection, connection.transaction():
        await connection.execute("SELECT FROM counter WHERE counter_id = $1 FOR UPDATE", counter_id)
        yield


async def waits_for_a_lock(toy: Toy) -> bool:
    sql = "SELECT FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
    return bool(await toy.rows(sql))


async def come_and_go(toy: Toy) -> None:
    """Another member joins the group and leaves it: partitions go, and come back."""
    before = toy.log.read_text().count("partitions_assigned")
    other = AIOKafkaConsumer(
        toy.consumed, bootstrap_servers=toy.bootstrap, group_id=f"lutong-toy-{toy.suffix}", enable_auto_commit=False
    )
    await other.start()
    try:
        await until(lambda: has_some(other), "the other member has partitions")
    finally:
        await other.stop()

    await until(lambda: has_come(toy, before + 2), "all partitions came back")


async def has_come(toy: Toy, times: int) -> bool:
    return toy.log.read_text().count("partitions_assigned") >= times


async def has_some(consumer: AIOKafkaConsumer) -> bool:
    return bool(consumer.assignment())


async def test_partitions_that_go_while_they_are_read_again_lose_nothing(
    infrastructure: Infrastructure, tmp_path: Path
) -> None:
    """What is in hand then is behind what is committed, and the word must not be committed beside it."""
    async with a_toy(infrastructure, tmp_path) as toy:
        toy.start(TOY_FORGETS="unmarked")
        await toy.ready()
        missed = [Doubled(counter_id="a", place=n) for n in range(9)]
        await publish(toy, Counted(counter_id="a", place=0), *missed, Counted(counter_id="a", place=9))
        await counts(toy, a=[0, 9])
        toy.stop()
        async with held(toy, "a"):
            toy.start(NEXT, LUTONG_BATCH_RECORDS_MAX="2")
            await until(lambda: waits_for_a_lock(toy), "a batch that is read again is in hand")
            await come_and_go(toy)
        await counts(toy, a=[0, 9, *[DOUBLED + n for n in range(9)]])
