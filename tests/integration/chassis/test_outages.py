"""A server that changes or cuts a connection: nothing innocent is parked, nothing is a bug, and all goes on by itself."""

from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

from uuid_utils.compat import uuid7

from tests.conftest import Infrastructure
from tests.integration.chassis.outages import (
    connections_to,
    cut,
    read_only,
)
from tests.integration.chassis.toy import CONFUSED_PLACE, MARKED_PLACE, MARKING_PLACE, Counted
from tests.support.harness import Toy, a_record, a_toy, feed, until

CUTS = 15
EVENTS = 700


async def _status(toy: Toy, status: int, counter_id: str = "by-hand") -> None:
    async def answered() -> bool:
        return (await toy.post("/v1/counts", counter_id=counter_id)).status_code == status

    await until(answered, f"a command is answered with {status}; see {toy.log.read_text()[-2000:]}")


async def _total(toy: Toy, counter_id: str, total: int) -> None:
    async def counted() -> bool:
        return (await toy.totals()).get(counter_id) == total

    await until(counted, f"{counter_id} is counted {total} times; see {toy.log.read_text()[-2000:]}", 60)


async def _is_published(toy: Toy, event: str) -> None:
    async def found() -> bool:
        return bool(await toy.rows("SELECT 1 FROM outbox WHERE type = $1", event))

    await until(found, f"{event} is published; see {toy.log.read_text()[-2000:]}")


async def _checks(toy: Toy, **wanted: bool) -> None:
    async def so() -> bool:
        answer = await toy.get("/readyz")
        return answer is not None and wanted.items() <= answer.json()["checks"].items()

    await until(so, f"readiness shows {wanted}")


async def test_a_read_only_database_is_503_and_writes_again_by_itself(
    infrastructure: Infrastructure, tmp_path: Path
) -> None:
    async with a_toy(infrastructure, tmp_path) as toy:
        toy.start()
        await toy.ready()
        await read_only(toy.database_url, on=True)
        await cut(toy.database_url)
        await _checks(toy, database=False)
        refused = await toy.post("/v1/counts", counter_id="refused")
        assert (refused.status_code, refused.headers["retry-after"]) == (503, "1")
        assert refused.json()["type"] == "urn:lutong:problem:unavailable"
        await feed(toy.bootstrap, toy.consumed, [a_record(Counted(counter_id=f"c-{n}")) for n in range(20)])
        await read_only(toy.database_url, on=False)
        await _status(toy, 201)
        await toy.ready()
        for n in range(20):
            await _total(toy, f"c-{n}", 1)
        assert await toy.parked() == []


async def test_reads_are_answered_while_a_database_is_read_only(infrastructure: Infrastructure, tmp_path: Path) -> None:
    async with a_toy(infrastructure, tmp_path) as toy:
        toy.start()
        await toy.ready()
        await read_only(toy.database_url, on=True)
        await cut(toy.database_url)
        await _checks(toy, database=False)
        answer = await toy.get("/v1/counts/a")
        assert answer is not None
        assert (answer.status_code, answer.json()) == (200, {"total": 0})
        await read_only(toy.database_url, on=False)


async def test_a_query_that_writes_is_a_bug_and_not_a_replica(infrastructure: Infrastructure, tmp_path: Path) -> None:
    async with a_toy(infrastructure, tmp_path) as toy:
        toy.start()
        await toy.ready()
        answer = await toy.get("/v1/counts/a/written")
        assert answer is not None
        assert (answer.status_code, answer.json()["type"]) == (500, "urn:lutong:problem:bug")


async def test_deadlines_fall_due_after_a_moment_of_read_only(infrastructure: Infrastructure, tmp_path: Path) -> None:
    async with a_toy(infrastructure, tmp_path) as toy:
        toy.start()
        await toy.ready()
        await toy.post("/v1/reminders/a?after_ms=1")
        await _is_published(toy, "lutong.toy.reminded.v1")
        await read_only(toy.database_url, on=True)
        await cut(toy.database_url)
        await _checks(toy, database=False)
        await read_only(toy.database_url, on=False)
        await _status(toy, 201)
        await toy.rows("DELETE FROM outbox WHERE type = 'lutong.toy.reminded.v1'")
        await toy.post("/v1/reminders/b?after_ms=1")
        await _is_published(toy, "lutong.toy.reminded.v1")


async def test_deadlines_fall_due_after_connections_were_cut(infrastructure: Infrastructure, tmp_path: Path) -> None:
    async with a_toy(infrastructure, tmp_path) as toy:
        toy.start()
        await toy.ready()
        for _ in range(CUTS):
            await cut(toy.database_url)
        await _status(toy, 201)
        assert (await toy.post("/v1/reminders/b?after_ms=1")).status_code == 202
        await _is_published(toy, "lutong.toy.reminded.v1")


async def test_fifteen_cuts_while_events_flow_park_nothing(infrastructure: Infrastructure, tmp_path: Path) -> None:
    async with a_toy(infrastructure, tmp_path) as toy:
        toy.start(LUTONG_BATCH_RECORDS_MAX="5", LUTONG_RETRY_DELAY_MAX_S="0.1")
        await toy.ready()
        await feed(toy.bootstrap, toy.consumed, [a_record(Counted(counter_id=f"c-{n % 7}")) for n in range(EVENTS)])
        ended = 0
        for n in range(CUTS):

            async def flows(least: int = n * EVENTS // CUTS) -> bool:
                return sum((await toy.totals()).values()) >= least

            await until(flows, f"events flow after {n} cuts")
            ended += await cut(toy.database_url)
        assert ended >= CUTS

        async def all_counted() -> bool:
            assert await toy.parked() == []
            return sum((await toy.totals()).values()) == EVENTS

        await until(all_counted, f"{EVENTS} events are counted once; see {toy.log.read_text()[-2000:]}", 60)


async def test_an_event_that_only_an_old_connection_fails_is_not_parked(
    infrastructure: Infrastructure, tmp_path: Path
) -> None:
    async with a_toy(infrastructure, tmp_path) as toy:
        toy.start()
        await toy.ready()
        for n in range(5):
            for place in (MARKING_PLACE, MARKED_PLACE):
                await feed(toy.bootstrap, toy.consumed, [a_record(Counted(counter_id=f"c-{place}", place=place))])
                await _total(toy, f"c-{place}", n + 1)
        assert await toy.parked() == []


async def test_a_client_that_lost_its_place_parks_nothing(infrastructure: Infrastructure, tmp_path: Path) -> None:
    async with a_toy(infrastructure, tmp_path) as toy:
        toy.start()
        await toy.ready()
        await feed(toy.bootstrap, toy.consumed, [a_record(Counted(counter_id="a", place=CONFUSED_PLACE))])
        await _total(toy, "a", 1)
        assert await toy.parked() == []


async def test_deadlines_that_a_bug_stops_are_seen_and_go_on_afterwards(
    infrastructure: Infrastructure, tmp_path: Path
) -> None:
    async with a_toy(infrastructure, tmp_path) as toy:
        toy.start(LUTONG_STALL_TIMEOUT_S="1")
        await toy.ready()
        await toy.post("/v1/reminders/a?after_ms=1500")
        await toy.pool.execute("ALTER TABLE deadline RENAME TO mislaid")
        await _checks(toy, loops=False, database=True)

        async def not_live() -> bool:
            answer = await toy.get("/livez")
            return answer is not None and "deadlines fails again and again" in (answer.json()["reason"] or "")

        await until(not_live, "/livez says which loop fails")
        await toy.pool.execute("ALTER TABLE mislaid RENAME TO deadline")
        await _is_published(toy, "lutong.toy.reminded.v1")
        await toy.ready()
        assert (await toy.get("/livez")).status_code == 200  # type: ignore[union-attr]  # it answers


async def test_a_column_added_while_it_runs_parks_nothing_and_is_no_bug(
    infrastructure: Infrastructure, tmp_path: Path
) -> None:
    async with a_toy(infrastructure, tmp_path) as toy:
        toy.start()
        await toy.ready()
        for n in range(3):
            await feed(toy.bootstrap, toy.consumed, [a_record(Counted(counter_id="a"))])
            await _total(toy, "a", n + 1)
            assert (await toy.get("/v1/counts/a")).json() == {"total": n + 1}  # type: ignore[union-attr]  # it answers
            assert (await toy.post("/v1/sums", counter_id="a")).status_code == 200
            await toy.pool.execute(f"ALTER TABLE counter ADD COLUMN added_{n} integer")
            read, written = await toy.get("/v1/counts/a"), await toy.post("/v1/sums", counter_id="a")
            assert (read and read.status_code, written.status_code) == (200, 200)
        await feed(toy.bootstrap, toy.consumed, [a_record(Counted(counter_id="a"))])
        await _total(toy, "a", 4)
        assert await toy.parked() == []


async def test_a_wrong_password_at_a_reconnect_is_503_until_it_is_right(
    infrastructure: Infrastructure, tmp_path: Path
) -> None:
    async with a_toy(infrastructure, tmp_path) as toy:
        role, there = f"role_{uuid7().hex[-12:]}", urlsplit(toy.database_url)
        await toy.pool.execute(f"CREATE ROLE {role} LOGIN SUPERUSER PASSWORD 'first'")
        try:
            url = urlunsplit(there._replace(netloc=f"{role}:first@{there.hostname}:{there.port}"))
            toy.start(LUTONG_DATABASE_URL=url)
            await toy.ready()
            await toy.pool.execute(f"ALTER ROLE {role} PASSWORD 'second'")
            await cut(toy.database_url)
            await _status(toy, 503)
            await feed(toy.bootstrap, toy.consumed, [a_record(Counted(counter_id="a"))])
            await _checks(toy, database=False)
            assert (await toy.get("/livez")).status_code == 200  # type: ignore[union-attr]  # it answers
            await toy.pool.execute(f"ALTER ROLE {role} PASSWORD 'first'")
            await _status(toy, 201)
            await _total(toy, "a", 1)
            assert await toy.parked() == []
            await toy.post("/v1/reminders/b?after_ms=1")
            await _is_published(toy, "lutong.toy.reminded.v1")
        finally:
            toy.stop()
            await toy.pool.execute(f"DROP OWNED BY {role} CASCADE")
            await toy.pool.execute(f"DROP ROLE {role}")


async def test_lost_database_connections_leak_none_to_kafka(infrastructure: Infrastructure, tmp_path: Path) -> None:
    port = int(infrastructure.kafka_bootstrap.rpartition(":")[2])
    async with a_toy(infrastructure, tmp_path) as toy:
        toy.start(LUTONG_RETRY_DELAY_MAX_S="0.05")
        await toy.ready()
        await toy.post("/v1/counts", counter_id="a")
        await _total(toy, "a", 1)
        assert toy.process is not None
        pid = toy.process.pid
        assert pid is not None
        before = connections_to(pid, port)
        assert before > 0
        for n in range(2, 12):
            await cut(toy.database_url)
            await _status(toy, 201, "b")
            await _total_is_at_least(toy, "b", n - 1)

        async def no_more() -> bool:
            return connections_to(pid, port) <= before + 1  # a probe of the broker may be under way

        await until(no_more, f"there are {connections_to(pid, port)} connections to Kafka, and {before} before")


async def _total_is_at_least(toy: Toy, counter_id: str, least: int) -> None:
    async def so() -> bool:
        return (await toy.totals()).get(counter_id, 0) >= least

    await until(so, f"{counter_id} is counted {least} times; see {toy.log.read_text()[-2000:]}")
