"""What an operator sees: a process that is stuck says so, metrics count, and a trace goes through."""

from pathlib import Path

from tests.conftest import Infrastructure
from tests.integration.chassis.harness import a_record, a_toy, feed, read_topic, until
from tests.integration.chassis.toy import STUCK_PLACE, Counted

PARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


async def test_a_consumer_that_is_stuck_fails_liveness_and_says_how_far_behind_it_is(
    infrastructure: Infrastructure, tmp_path: Path
) -> None:
    async with a_toy(infrastructure, tmp_path) as toy:
        toy.start(LUTONG_STALL_TIMEOUT_S="1", LUTONG_SHUTDOWN_TIMEOUT_S="1")
        await toy.ready()
        await feed(toy.bootstrap, toy.heard, [a_record(Counted(counter_id="a", place=STUCK_PLACE))])
        await feed(toy.bootstrap, toy.heard, [a_record(Counted(counter_id="a", place=n)) for n in range(5)])

        async def dead() -> dict[str, object] | None:
            answer = await toy.get("/livez")
            return answer.json() if answer is not None and answer.status_code == 503 else None

        said = await until(dead, "liveness fails")
        assert "no progress" in str(said["reason"])


async def test_a_process_that_waits_for_its_database_is_not_called_dead(
    infrastructure: Infrastructure, tmp_path: Path
) -> None:
    async with a_toy(infrastructure, tmp_path) as toy:
        toy.start(LUTONG_STALL_TIMEOUT_S="0.5")
        await toy.ready()
        await toy.rows("ALTER TABLE counter RENAME TO hidden")
        await feed(toy.bootstrap, toy.heard, [a_record(Counted(counter_id="a"))])

        async def parked() -> bool:
            return len(await toy.parked()) == 1

        await until(parked, "an event whose table is gone is parked, not waited for")
        live = await toy.get("/livez")
        assert live is not None
        assert live.status_code == 200


async def test_metrics_count_what_was_handled_published_and_parked(
    infrastructure: Infrastructure, tmp_path: Path
) -> None:
    async with a_toy(infrastructure, tmp_path) as toy:
        toy.start()
        await toy.ready()
        once = a_record(Counted(counter_id="a"))
        await feed(toy.bootstrap, toy.heard, [once, once, a_record(Counted(counter_id="b", poison=True))])

        async def counted() -> bool:
            answer = await toy.get("/metrics")
            lines = set(answer.text.splitlines()) if answer is not None else set()
            return lines >= {
                'lutong_events_consumed_total{outcome="handled"} 1.0',
                'lutong_events_consumed_total{outcome="duplicate_or_ignored"} 1.0',
                'lutong_events_parked_total{reason="handler_error"} 1.0',
                "lutong_events_published_total 1.0",
                "lutong_parked_open_records 1.0",
                "lutong_outbox_pending_events 0.0",
            }

        await until(counted, "the metrics add up")


async def test_trace_context_and_journey_go_from_the_command_through_every_event(
    infrastructure: Infrastructure, tmp_path: Path
) -> None:
    async with a_toy(infrastructure, tmp_path) as toy:
        toy.start()
        await toy.ready()
        answer = await toy.post("/v1/counts", headers_={"traceparent": PARENT, "lutong-journey": "j-1"}, counter_id="a")
        assert answer.headers["lutong-journey"] == "j-1"

        async def answered() -> list[object]:
            return await read_topic(toy.bootstrap, toy.said)

        (record,) = await until(answered, "the answer is on its topic")
        headers = dict(record.headers)
        assert headers["traceparent"] == PARENT.encode()
        assert headers["ce_correlationid"] == b"j-1"
        command = (await read_topic(toy.bootstrap, toy.heard))[0]
        assert headers["ce_causationid"] == dict(command.headers)["ce_id"]
