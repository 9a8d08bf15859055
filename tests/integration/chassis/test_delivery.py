"""Ordinary days: duplicates, absent brokers, deadlines, commands sent twice."""

import asyncio
import json
import re
from dataclasses import replace
from pathlib import Path

import pytest

from lutong_chassis import database
from lutong_chassis.envelope import Cause, Outgoing
from lutong_chassis.outbox import EventTooLargeError, write
from lutong_chassis.testing import an_operator, settings_for
from lutong_contracts.feed import PostPublished
from lutong_local.ports import free_port
from tests.conftest import Infrastructure
from tests.integration.chassis.toy import Counted
from tests.support.harness import a_record, a_toy, feed, until


async def test_the_same_event_delivered_many_times_counts_once(infrastructure: Infrastructure, tmp_path: Path) -> None:
    async with a_toy(infrastructure, tmp_path) as toy:
        toy.start()
        once = a_record(Counted(counter_id="a"), event_id="the-same")
        await feed(toy.bootstrap, toy.consumed, [once] * 10)
        await feed(toy.bootstrap, toy.consumed, [once] * 10 + [a_record(Counted(counter_id="z"))])

        async def all_counted() -> bool:
            return await toy.totals() == {"a": 1, "z": 1}

        await until(all_counted, "one effect for twenty copies")


async def test_a_conflict_is_counted_and_logged_and_its_key_goes_on(
    infrastructure: Infrastructure, tmp_path: Path
) -> None:
    async with a_toy(infrastructure, tmp_path) as toy:
        toy.start()
        records = [a_record(Counted(counter_id="a", place=place), event_id="the-same") for place in (1, 1, 2)]
        await feed(toy.bootstrap, toy.consumed, [*records, a_record(Counted(counter_id="a", place=3))])

        async def all_counted() -> bool:
            return await toy.totals() == {"a": 2}

        await until(all_counted, "what came behind the conflict is counted")
        await feed(toy.bootstrap, toy.consumed, [*records[1:], a_record(Counted(counter_id="a", place=4))])

        async def all_counted_again() -> bool:
            return await toy.totals() == {"a": 3}

        await until(all_counted_again, "what came behind the conflict with an earlier poll is counted")

        async def logged() -> bool:  # after the commit, and after the metrics
            lines = [json.loads(line) for line in toy.log.read_text().splitlines() if "event_conflict" in line]
            found = [(line["topic"], line["source"], line["event_id"]) for line in lines]
            return found == [(toy.consumed, "/test", "the-same")] * 2

        await until(logged, "both conflicts are logged")
        metrics = await toy.get("/metrics")
        assert metrics is not None
        assert 'lutong_events_consumed_total{outcome="conflict"} 2.0' in metrics.text
        assert 'lutong_events_consumed_total{outcome="duplicate"} 2.0' in metrics.text
        assert (await toy.rows("SELECT places FROM counter"))[0]["places"] == [1, 3, 4]


async def test_one_of_several_brokers_will_do(infrastructure: Infrastructure, tmp_path: Path) -> None:
    gone = f"127.0.0.1:{free_port()}"
    several = replace(infrastructure, kafka_bootstrap=f"{gone}, {infrastructure.kafka_bootstrap}")
    async with a_toy(several, tmp_path) as toy:
        toy.start()
        await feed(infrastructure.kafka_bootstrap, toy.consumed, [a_record(Counted(counter_id="a"))])

        async def counted_it() -> bool:
            return await toy.totals() == {"a": 1}

        await until(counted_it, "an event through the broker that is there")


async def test_kafka_may_be_down_at_boot_and_commands_are_taken_meanwhile(
    infrastructure: Infrastructure, tmp_path: Path
) -> None:
    async with a_toy(infrastructure, tmp_path) as toy:
        toy.start(LUTONG_KAFKA_BOOTSTRAP=f"127.0.0.1:{free_port()}")

        async def lives() -> bool:
            answer = await toy.get("/readyz")
            return answer is not None and answer.json()["checks"] == {
                "database": True,
                "broker": False,
                "assignment": False,
                "loops": True,
            }

        await until(lives, "it waits for Kafka and says so")
        assert (await toy.post("/v1/counts", counter_id="early")).status_code == 201
        live = await toy.get("/livez")
        assert live is not None
        assert live.status_code == 200

        async def tried_again() -> bool:
            answer = await toy.get("/metrics")
            found = re.search(
                r'^lutong_loop_restarts_total\{loop="relay"\} (\d+)', answer.text if answer else "", re.MULTILINE
            )
            return found is not None and int(found[1]) > 2

        await until(tried_again, "the relay began anew several times")
        written = toy.log.read_text()
        for state in ('"event": "waiting"', '"loop": "relay"', "Unable connect to"):
            assert written.count(state) == 1, f"one line per state and minute: {written[-3000:]}"
        assert toy.stop() == 0

        toy.start()

        async def counted() -> bool:
            return await toy.totals() == {"early": 1}

        await until(counted, "what was published before Kafka came is delivered after")


async def test_postgresql_may_be_down_at_boot(infrastructure: Infrastructure, tmp_path: Path) -> None:
    async with a_toy(infrastructure, tmp_path) as toy:
        toy.start(LUTONG_DATABASE_URL=f"postgresql://nobody@127.0.0.1:{free_port()}/nothing")

        async def lives() -> bool:
            answer = await toy.get("/livez")
            return answer is not None and answer.status_code == 200

        await until(lives, "it lives")
        refused = await toy.post("/v1/counts", counter_id="early")
        assert (refused.status_code, refused.headers["retry-after"]) == (503, "1")
        assert toy.stop() == 0


async def test_a_deadline_is_published_when_it_is_due_and_in_order(
    infrastructure: Infrastructure, tmp_path: Path
) -> None:
    async with a_toy(infrastructure, tmp_path) as toy:
        toy.start()
        await toy.ready()
        await toy.post("/v1/reminders/a?after_ms=3600000")
        assert [row["type"] for row in await toy.rows("SELECT type FROM outbox")] == ["lutong.toy.totalled.v1"]
        await toy.rows("UPDATE deadline SET due_at = now()")

        async def reminded() -> bool:
            rows = await toy.rows(
                "SELECT type, sequence FROM outbox WHERE id NOT IN (SELECT id FROM pending) ORDER BY id"
            )
            return [tuple(row) for row in rows] == [("lutong.toy.totalled.v1", 1), ("lutong.toy.reminded.v1", 2)]

        await until(reminded, "the deadline is published after what was published before it")
        assert await toy.rows("SELECT 1 FROM deadline") == []


async def test_an_idempotency_key_gives_the_same_answer_for_the_same_body_only(
    infrastructure: Infrastructure, tmp_path: Path
) -> None:
    async with a_toy(infrastructure, tmp_path) as toy:
        toy.start(LUTONG_HTTP_BODIES_MAX="100")  # one sender of twenty at once, and late ones on a busy machine
        await toy.ready()
        key = {"idempotency-key": "k"}
        answers = await asyncio.gather(*(toy.post("/v1/counts", headers_=key, counter_id="a") for _ in range(20)))
        done = [answer for answer in answers if answer.status_code == 201]
        in_progress = [answer for answer in answers if answer.status_code == 409]

        assert len(done) + len(in_progress) == 20
        assert len({answer.content for answer in done}) == 1
        assert all(answer.headers["retry-after"] for answer in in_progress)
        assert (await toy.post("/v1/counts", headers_=key, counter_id="a")).content == done[0].content
        other = await toy.post("/v1/counts", headers_=key, counter_id="b")
        assert (other.status_code, other.json()["type"]) == (422, "urn:lutong:problem:key_reused")

        async def counted_once() -> bool:
            return await toy.totals() == {"a": 1}

        await until(counted_once, "one effect for all copies")


async def test_a_key_that_is_in_progress_is_refused(infrastructure: Infrastructure, tmp_path: Path) -> None:
    async with a_toy(infrastructure, tmp_path) as toy:
        toy.start()
        await toy.ready()
        pool = await database.connect(settings_for(toy.database_url))
        async with pool.acquire() as holder, holder.transaction():
            await holder.execute(
                "SELECT pg_advisory_xact_lock(hashtextextended($1, 0))",
                f"{an_operator().identity} POST /v1/counts\nbusy",
            )
            answer = await toy.post("/v1/counts", headers_={"idempotency-key": "busy"}, counter_id="a")
            assert (answer.status_code, answer.json()["type"]) == (409, "urn:lutong:problem:in_progress")
        assert (await toy.post("/v1/counts", headers_={"idempotency-key": "busy"}, counter_id="a")).status_code == 201
        await pool.close()


async def test_an_event_too_large_for_kafka_is_refused_when_written(
    infrastructure: Infrastructure, tmp_path: Path
) -> None:
    large = PostPublished.model_construct(post_id="p", author_id="a", text="路" * 400_000, program_id=None)
    async with a_toy(infrastructure, tmp_path) as toy:
        toy.start()
        await toy.ready()
        pool = await database.connect(settings_for(toy.database_url))
        with pytest.raises(EventTooLargeError, match=r"lutong.feed.posts takes 1000000"):
            async with database.transaction(pool) as tx:
                await write(tx, [Outgoing(large, Cause("j"))])
        await pool.close()
        assert await toy.rows("SELECT 1 FROM outbox") == []


async def test_sigterm_stops_in_good_order(infrastructure: Infrastructure, tmp_path: Path) -> None:
    async with a_toy(infrastructure, tmp_path) as toy:
        toy.start()
        await toy.ready()
        assert toy.stop() == 0
        assert '"event": "service_stopped"' in toy.log.read_text()
