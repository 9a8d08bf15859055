"""A server that changes or cuts a connection: nothing innocent is parked, nothing is a bug, and all goes on by itself."""

import asyncio
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import asyncpg
import pytest
from uuid_utils.compat import uuid7

from lutong_local.processes import free_port
from tests.conftest import Infrastructure
from tests.integration.chassis.outages import (
    a_pooler_that_lends_sessions,
    a_pooler_that_refuses_parameters,
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


async def test_a_pooler_that_refuses_our_parameters_ends_it_with_a_sentence(
    infrastructure: Infrastructure, tmp_path: Path
) -> None:
    async with a_toy(infrastructure, tmp_path) as toy, a_pooler_that_refuses_parameters() as port:
        toy.start(LUTONG_DATABASE_URL=f"postgresql://u:p@127.0.0.1:{port}/d")
        assert await asyncio.to_thread(toy.ended) == 2
        log = toy.log.read_text()
        assert "LUTONG_DATABASE_URL" in log
        assert "pooler" in log
        assert "idle_in_transaction_session_timeout" in log


async def test_a_pooler_that_takes_everything_is_refused_too(infrastructure: Infrastructure, tmp_path: Path) -> None:
    async with a_toy(infrastructure, tmp_path) as toy, a_pooler_that_lends_sessions(toy) as port:
        there = urlsplit(toy.database_url)
        netloc = f"{there.username}:{there.password}@127.0.0.1:{port}"
        toy.start(LUTONG_DATABASE_URL=urlunsplit(there._replace(netloc=netloc)))
        assert await asyncio.to_thread(toy.ended) == 2
        assert "LUTONG_DATABASE_URL leads to a connection pooler" in toy.log.read_text()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("LUTONG_DATABASE_URL", "postgresql+asyncpg://u:p@127.0.0.1/d"),
        ("LUTONG_DATABASE_URL", "host=127.0.0.1 dbname=d user=u"),
        ("LUTONG_KAFKA_BOOTSTRAP", "PLAINTEXT://127.0.0.1:9092"),
        ("LUTONG_OUTBOX_RETENTION", "-P7D"),
    ],
)
async def test_what_can_never_work_ends_the_process_with_2(
    name: str, value: str, infrastructure: Infrastructure, tmp_path: Path
) -> None:
    async with a_toy(infrastructure, tmp_path) as toy:
        toy.start(**{name: value})
        assert await asyncio.to_thread(toy.ended) == 2
        assert name in toy.log.read_text()


async def test_a_wrong_password_at_boot_ends_the_process_with_2(infrastructure: Infrastructure, tmp_path: Path) -> None:
    async with a_toy(infrastructure, tmp_path) as toy:
        there = urlsplit(toy.database_url)
        netloc = f"{there.username}:wrong@{there.hostname}:{there.port}"
        toy.start(LUTONG_DATABASE_URL=urlunsplit(there._replace(netloc=netloc)))
        assert await asyncio.to_thread(toy.ended) == 2
        assert "LUTONG_DATABASE_PASSWORD" in toy.log.read_text()


async def test_a_database_that_is_absent_is_waited_for(infrastructure: Infrastructure, tmp_path: Path) -> None:
    """The control: what may come yet ends nothing."""
    async with a_toy(infrastructure, tmp_path) as toy:
        toy.start(LUTONG_DATABASE_URL=f"postgresql://u:p@127.0.0.1:{free_port()}/d")

        async def waits() -> bool:
            return toy.log.read_text().count('"event": "waiting"') > 3

        await until(waits, "it waits and says so")
        assert toy.stop() == 0


async def test_a_cut_connection_ends_no_statement_of_ours_twice(infrastructure: Infrastructure, tmp_path: Path) -> None:
    """A command whose commit may have happened is never tried again by itself: its client decides."""
    async with a_toy(infrastructure, tmp_path) as toy:
        toy.start(LUTONG_RETRY_DELAY_MAX_S="0.05")
        await toy.ready()
        taken = 0
        for _ in range(CUTS):
            answers, _ = await asyncio.gather(
                asyncio.gather(*(toy.post("/v1/counts", counter_id="many") for _ in range(10))), cut(toy.database_url)
            )
            assert {answer.status_code for answer in answers} <= {201, 503}
            taken += sum(answer.status_code == 201 for answer in answers)
        written = await toy.rows("SELECT count(*) FROM outbox WHERE key = 'many' AND type = 'lutong.toy.counted.v1'")
        assert taken <= written[0]["count"] <= 10 * CUTS


_CUT_ITSELF = """
    CREATE SEQUENCE tries;
    CREATE FUNCTION cut_itself() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        PERFORM nextval('tries'), pg_terminate_backend(pg_backend_pid());
        RETURN NULL;
    END $$;
"""


@pytest.mark.parametrize(
    ("when", "tries"),
    [
        ("CREATE TRIGGER cut AFTER INSERT ON stream", 2),
        ("CREATE CONSTRAINT TRIGGER cut AFTER INSERT ON stream DEFERRABLE INITIALLY DEFERRED", 1),
    ],
    ids=["before the commit", "at the commit"],
)
async def test_a_command_that_is_cut_is_tried_again_unless_it_commits(
    when: str, tries: int, infrastructure: Infrastructure, tmp_path: Path
) -> None:
    async with a_toy(infrastructure, tmp_path) as toy:
        toy.start()
        await toy.ready()
        await toy.pool.execute(f"{_CUT_ITSELF} {when} FOR EACH ROW EXECUTE FUNCTION cut_itself()")
        answer = await toy.post("/v1/counts", counter_id="a")
        assert (answer.status_code, answer.headers["retry-after"]) == (503, "1")
        assert await toy.pool.fetchval("SELECT last_value FROM tries") == tries
        await toy.pool.execute("DROP TRIGGER cut ON stream")
        assert (await toy.post("/v1/counts", counter_id="a")).status_code == 201


async def test_a_value_that_its_column_cannot_take_is_the_requests_fault(
    infrastructure: Infrastructure, tmp_path: Path
) -> None:
    async with a_toy(infrastructure, tmp_path) as toy:
        toy.start()
        await toy.ready()
        answer = await toy.get(f"/v1/counts/a/at/{10**12}")
        assert answer is not None
        assert (answer.status_code, answer.json()["type"]) == (422, "urn:lutong:problem:unstorable")
        assert '"event": "command_failed"' in toy.log.read_text()


def test_asyncpg_names_the_class_of_an_outdated_plan() -> None:
    """What the retry relies on; look at `errors` when this fails."""
    assert issubclass(asyncpg.exceptions.InvalidCachedStatementError, asyncpg.FeatureNotSupportedError)
