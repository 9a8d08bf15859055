"""What an operator sees: a process that is stuck says so, metrics count, and a trace goes through."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from tests.conftest import Infrastructure
from tests.integration.chassis.toy import STUCK_PLACE, Counted
from tests.support.harness import a_record, a_toy, feed, read_topic, until

PARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


async def test_a_stuck_consumer_fails_liveness_and_reports_its_lag(
    infrastructure: Infrastructure, tmp_path: Path
) -> None:
    async with a_toy(infrastructure, tmp_path) as toy:
        toy.start(LUTONG_STALL_TIMEOUT_S="1", LUTONG_SHUTDOWN_TIMEOUT_S="1")
        await toy.ready()
        await feed(toy.bootstrap, toy.consumed, [a_record(Counted(counter_id="a", place=STUCK_PLACE))])
        await feed(toy.bootstrap, toy.consumed, [a_record(Counted(counter_id="a", place=n)) for n in range(5)])

        async def dead() -> dict[str, object] | None:
            answer = await toy.get("/livez")
            return answer.json() if answer is not None and answer.status_code == 503 else None

        answer = await until(dead, "liveness fails")
        assert "no progress" in str(answer["reason"])


async def test_a_process_that_waits_for_its_database_is_not_called_dead(
    infrastructure: Infrastructure, tmp_path: Path
) -> None:
    async with a_toy(infrastructure, tmp_path) as toy:
        toy.start(LUTONG_STALL_TIMEOUT_S="0.5")
        await toy.ready()
        await toy.rows("ALTER TABLE counter RENAME TO hidden")
        await feed(toy.bootstrap, toy.consumed, [a_record(Counted(counter_id="a"))])

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
        await feed(toy.bootstrap, toy.consumed, [once, once, a_record(Counted(counter_id="b", poison=True))])

        async def counted() -> bool:
            answer = await toy.get("/metrics")
            lines = set(answer.text.splitlines()) if answer is not None else set()
            return lines >= {
                'lutong_events_consumed_total{outcome="handled"} 1.0',
                'lutong_events_consumed_total{outcome="duplicate"} 1.0',
                'lutong_events_parked_total{reason="handler_error"} 1.0',
                'lutong_events_published_total{type="lutong.toy.totalled.v1"} 1.0',
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
            return await read_topic(toy.bootstrap, toy.published)

        (record,) = await until(answered, "the answer is on its topic")
        headers = dict(record.headers)
        assert headers["traceparent"] == PARENT.encode()
        assert headers["ce_correlationid"] == b"j-1"
        command = (await read_topic(toy.bootstrap, toy.consumed))[0]
        assert headers["ce_causationid"] == dict(command.headers)["ce_id"]


@contextmanager
def a_collector() -> Iterator[tuple[str, list[Any]]]:
    """An OTLP endpoint on a free port; gives its URL and the spans it was sent."""
    spans: list[Any] = []

    class Collector(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            request = ExportTraceServiceRequest.FromString(self.rfile.read(int(self.headers["content-length"])))
            spans.extend(span for r in request.resource_spans for scope in r.scope_spans for span in scope.spans)
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Collector)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/v1/traces", spans
    finally:
        server.shutdown()
        server.server_close()


async def queried(spans: list[Any]) -> list[Any]:
    """The spans of requests with a query."""
    return [span for span in spans if span.name == "GET /operations/parked"]


async def test_a_road_is_one_trace_and_a_batch_links_to_all(infrastructure: Infrastructure, tmp_path: Path) -> None:
    with a_collector() as (endpoint, spans):
        async with a_toy(infrastructure, tmp_path) as toy:
            toy.start(LUTONG_OTLP_ENDPOINT=endpoint, OTEL_BSP_SCHEDULE_DELAY="100")
            await toy.ready()
            await toy.post("/v1/counts", headers_={"traceparent": PARENT}, counter_id="a")

            async def exported() -> dict[str, Any] | None:
                found = {span.name: span for span in spans}
                kinds = ("process batch", "process")
                return found if found.keys() >= {"POST /v1/counts", *(f"{k} {Counted.type}" for k in kinds)} else None

            await toy.get("/operations/parked?limit=7")
            found = await until(exported, "the spans arrive")
            await until(lambda: queried(spans), "the query arrives")
            (record,) = await until(lambda: read_topic(toy.bootstrap, toy.published), "the answer is on its topic")
    server, event = found["POST /v1/counts"], found["process lutong.toy.counted.v1"]
    batch = found["process batch lutong.toy.counted.v1"]
    _, trace_id, caller, _ = PARENT.split("-")
    assert (server.trace_id.hex(), server.parent_span_id.hex()) == (trace_id, caller)
    assert (event.trace_id, event.parent_span_id) == (server.trace_id, server.span_id)
    assert [(link.trace_id, link.span_id) for link in batch.links] == [(event.trace_id, event.span_id)]
    assert dict(record.headers)["traceparent"].decode().split("-")[1:3] == [trace_id, event.span_id.hex()]
    [asked] = await queried(spans)
    [query] = [each.value.string_value for each in asked.attributes if each.key == "url.query"]
    assert query == "REDACTED"  # people type names there
    assert "GET /readyz" not in {span.name for span in spans}  # it was asked, and asks every few seconds
