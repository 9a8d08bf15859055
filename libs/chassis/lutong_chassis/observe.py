"""Logs, metrics and traces of a process. Labels are bounded; contents of events never appear."""

import logging
import sys
from collections import Counter as Tally
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from time import perf_counter, time
from typing import Any, Final

import asyncpg
import structlog
from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator
from prometheus_client import Counter, Gauge, Histogram

from lutong_chassis import repeats
from lutong_chassis.commands.asked import Asked
from lutong_chassis.database import Tx
from lutong_chassis.envelope import Cause, Received
from lutong_chassis.parking import ParkCandidate
from lutong_chassis.printing import printed
from lutong_chassis.settings import Settings
from lutong_contracts import Event, event_types

_BATCHES: Final = (1, 2, 5, 10, 25, 50, 100, 250, 500, 1000)
_SECONDS: Final = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 15, 60, 300, 3600)

# Labels are bounded: event types, outcomes, reasons, routes and tables; never a key, a merchant or a journey.
CONSUMED = Counter("lutong_events_consumed_total", "Events consumed from Kafka, by outcome", ["outcome"])
BATCH_SIZE = Histogram("lutong_batch_size_events", "Events handled in one transaction", buckets=_BATCHES)
HANDLER_TIME = Histogram("lutong_handler_seconds", "Time of one handler call", ["type"])
COMMAND_BATCH_SIZE = Histogram(
    "lutong_command_batch_size", "Commands of one kind that were done in one transaction", ["type"], buckets=_BATCHES
)
JOB_TIME = Histogram("lutong_job_seconds", "Time of one call of a job to another system", ["queue"])
STAGE_TIME = Histogram("lutong_stage_seconds", "Age of an event when it is handled", ["type"], buckets=_SECONDS)
PARKED = Counter("lutong_events_parked_total", "Records that were parked", ["reason"])
RETRIES = Counter("lutong_batch_retries_total", "Batches that were retried")
REBALANCES = Counter("lutong_rebalances_total", "Changes of the partitions assigned to this process")
LAG = Gauge("lutong_consumer_lag_events", "Offsets in assigned partitions that are not handled yet")
LAG_SECONDS = Gauge("lutong_consumer_lag_seconds", "Age of the oldest event that is not handled yet; 0 without lag")
STUCK_SECONDS = Gauge("lutong_consumer_stuck_seconds", "How long the same batch has failed; 0 while none is retried")
MISPLACED = Counter("lutong_events_misplaced_total", "Events in another partition than that of their key (murmur2)")
RELAYED = Counter("lutong_events_published_total", "Outbox rows acknowledged by Kafka", ["type"])
RELAY_TIME = Histogram(
    "lutong_relay_seconds", "Time from a transaction to Kafka's acknowledgement of its events", buckets=_SECONDS
)
OUTBOX_PENDING = Gauge("lutong_outbox_pending_events", "Outbox rows not published yet")
OUTBOX_AGE = Gauge("lutong_outbox_oldest_seconds", "Age of the oldest row not published yet")
PARKED_OPEN = Gauge("lutong_parked_open_records", "Records parked or waiting behind a parked one")
PARKED_AGE = Gauge("lutong_parked_oldest_seconds", "How long the oldest open parked record has been waiting")
DEADLINE_OVERDUE = Gauge(
    "lutong_deadline_overdue_seconds", "How late the oldest deadline is that is due and not published"
)
HTTP_REFUSED = Counter("lutong_http_refused_total", "Requests refused because too many were in progress")
HTTP_FAILED = Counter("lutong_http_failed_total", "Commands and queries answered with 5xx, refusals among them")
HTTP_DENIED = Counter("lutong_http_denied_total", "Requests denied to their caller, by reason", ["reason"])
ISSUER_KEYS_REFUSED = Counter("lutong_issuer_keys_refused_total", "Tries to fetch the issuer's keys that failed")
HTTP_MALFORMED = Counter("lutong_http_malformed_total", "Connections closed because the bytes were not HTTP")
HTTP_UNLOGGED = Counter("lutong_http_unlogged_total", "Unauthenticated requests that the log's rate limit left out")
HTTP_TIME = Histogram("lutong_http_seconds", "Time of one command or query, refusals included", ["method", "route"])
DATABASE_SIZE = Gauge("lutong_database_size_bytes", "Size of the service's database")
DATABASE_DEAD = Gauge("lutong_database_dead_rows", "Dead rows that vacuum has not removed yet", ["table"])
DATABASE_TRANSACTION = Gauge("lutong_database_oldest_transaction_seconds", "Age of the service's oldest transaction")
DATABASE_CONNECTIONS = Gauge("lutong_database_connections", "Connections to the service's database")
LOOP_RESTARTS = Counter(
    "lutong_loop_restarts_total", "Background loops that ended or failed, and were started again", ["loop"]
)
STALLED = Gauge("lutong_consumer_stalled", "1 when there is lag and no progress, and the process should be restarted")

tracer = trace.get_tracer("lutong")
_propagator = TraceContextTextMapPropagator()


def configure_logging(settings: Settings, service: str) -> None:
    """Log JSON lines to stdout, trouble that lasts once a minute (`repeats.py`). Libraries log warnings and errors only."""
    lines = printed(sys.stdout)
    shared: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    structlog.configure(
        processors=[
            *shared,
            repeats.OncePerMinute(),
            _service_namer(service),
            structlog.processors.format_exc_info,
            structlog.processors.JSONRenderer(ensure_ascii=False),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelName(settings.log_level)),
        logger_factory=structlog.PrintLoggerFactory(lines),
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(lines)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            processor=structlog.processors.JSONRenderer(ensure_ascii=False),
            foreign_pre_chain=[*shared, _service_namer(service), structlog.processors.format_exc_info],
        )
    )
    handler.addFilter(repeats.OncePerMinuteFilter())
    logging.basicConfig(handlers=[handler], level=logging.WARNING, force=True)
    # Its warnings are about each broken connection; what the chassis makes of them it logs itself.
    logging.getLogger("aiokafka").setLevel(logging.ERROR)


def _service_namer(service: str) -> structlog.typing.Processor:
    def name_service(_logger: Any, _method: str, event: structlog.typing.EventDict) -> structlog.typing.EventDict:  # noqa: ANN401  # structlog's signature
        event["service"] = service
        return event

    return name_service


def configure_tracing(settings: Settings, service: str) -> None:
    """Export traces when an endpoint is set; otherwise trace context is propagated and nothing is recorded."""
    if settings.otlp_endpoint:
        # Imported only when traces are exported: the import takes a tenth of the start of a service.
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
        from opentelemetry.sdk.resources import Resource
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import BatchSpanProcessor

        from lutong_chassis.spans import WithoutQueries

        provider = TracerProvider(resource=Resource.create({"service.name": f"lutong-{service}"}))
        provider.add_span_processor(WithoutQueries())
        provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter(endpoint=settings.otlp_endpoint)))
        trace.set_tracer_provider(provider)


def current_traceparent() -> str | None:
    """The W3C trace context of the span that is open now, if any is recorded."""
    span = trace.get_current_span()
    return _traceparent(span) if span.get_span_context().is_valid else None


def _traceparent(span: trace.Span) -> str | None:
    carrier: dict[str, str] = {}
    _propagator.inject(carrier, trace.set_span_in_context(span))
    return carrier.get("traceparent")


@contextmanager
def handling(event_type: str, batch: Sequence[Received[Event]]) -> Iterator[Sequence[Received[Event]]]:
    """Measure one handler call. Yields the batch, with each event's cause inside its own span of its own trace.

    A batch belongs to many traces: each event gets a span in its own trace, so a journey is one trace
    from topic to topic. The span of the batch, which contains its SQL, links to all of them.
    """
    began = perf_counter()
    age, now = STAGE_TIME.labels(event_type), time()
    for happened_at in {item.time for item in batch}:  # once per transaction that published some of it
        age.observe(max(0.0, now - happened_at.timestamp()))
    attributes: dict[str, str | int] = {"messaging.system": "kafka", "messaging.batch.message_count": len(batch)}
    with ExitStack() as spans:
        joined, links = batch, []
        if trace_is_recorded():
            joined = [_in_its_trace(item, spans) for item in batch]
            parents = {item.cause.traceparent for item in joined if item.cause.traceparent}
            links = [trace.Link(_span_of(parent).get_span_context()) for parent in parents]
        spans.enter_context(
            tracer.start_as_current_span(f"process batch {event_type}", links=links, attributes=attributes)
        )
        yield joined
    HANDLER_TIME.labels(event_type).observe(perf_counter() - began)


@contextmanager
def deciding(kind: str, batch: Sequence[Asked[Any]]) -> Iterator[Sequence[Asked[Any]]]:
    """Measure one call of a command handler. Gives the batch, with each command's cause inside its own span."""
    began = perf_counter()
    with ExitStack() as spans:
        joined, links = batch, []
        if trace_is_recorded():
            joined = [asked._replace(cause=_in_span(f"decide {kind}", asked.cause, spans)) for asked in batch]
            parents = {asked.cause.traceparent for asked in joined if asked.cause.traceparent}
            links = [trace.Link(_span_of(parent).get_span_context()) for parent in parents]
        spans.enter_context(tracer.start_as_current_span(f"decide batch {kind}", links=links))
        yield joined
    HANDLER_TIME.labels(kind).observe(perf_counter() - began)


def _in_span(name: str, cause: Cause, spans: ExitStack) -> Cause:
    """Open a span in the trace of a cause; gives the cause with that span as the parent of what follows."""
    parent = _propagator.extract({"traceparent": cause.traceparent}) if cause.traceparent else Context()
    span = tracer.start_span(name, parent)
    spans.callback(span.end)
    return cause._replace(traceparent=_traceparent(span))


def trace_is_recorded() -> bool:
    """Whether spans are exported."""
    return not isinstance(trace.get_tracer_provider(), trace.ProxyTracerProvider)


def _span_of(traceparent: str) -> trace.Span:
    return trace.get_current_span(_propagator.extract({"traceparent": traceparent}))


def _in_its_trace(item: Received[Event], spans: ExitStack) -> Received[Event]:
    """Open a span for an event in its own trace; events that it causes get that span as their parent."""
    parent = _propagator.extract({"traceparent": item.cause.traceparent}) if item.cause.traceparent else Context()
    attributes = {"messaging.destination.name": item.topic, "messaging.message.id": item.id}
    span = tracer.start_span(f"process {item.event.type}", parent, kind=trace.SpanKind.CONSUMER, attributes=attributes)
    spans.callback(span.end)
    return item._replace(cause=item.cause._replace(traceparent=_traceparent(span)))


def consumed(outcomes: Mapping[str, int], stopped: Sequence[ParkCandidate]) -> None:
    """Count the records of a batch by outcome: handled, duplicate, conflict, ignored, unknown or stopped."""
    BATCH_SIZE.observe(sum(outcomes.values()))
    for outcome, count in outcomes.items():
        CONSUMED.labels(outcome).inc(count)
    for item in stopped:
        PARKED.labels(item.reason).inc()


def relayed(rows: Sequence[asyncpg.Record], now: float) -> None:
    """Count the rows that Kafka acknowledged, and the time that each transaction waited for it."""
    for event_type, count in Tally(row["type"] for row in rows).items():
        RELAYED.labels(event_type).inc(count)
    for written_at in {row["written_at"] for row in rows}:
        RELAY_TIME.observe(max(0.0, now - written_at.timestamp()))


async def sample(tx: Tx) -> None:
    """Update the gauges that are read from the database."""
    row = await tx.fetchrow(
        """
        SELECT (SELECT count(*) FROM pending) AS pending,
               (SELECT coalesce(extract(epoch FROM now() - min(written_at)), 0)::float FROM pending) AS pending_s,
               (SELECT count(*) FROM parked WHERE state IN ('parked', 'waiting')) AS parked,
               (SELECT coalesce(extract(epoch FROM now() - min(parked_at)), 0)::float
                  FROM parked WHERE state IN ('parked', 'waiting')) AS parked_s,
               (SELECT greatest(0, coalesce(extract(epoch FROM now() - min(due_at)), 0))::float
                      FROM deadline WHERE type = ANY ($1)) AS overdue_s,
               pg_database_size(current_database()) AS size,
               (SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()) AS connections,
               (SELECT coalesce(extract(epoch FROM now() - min(xact_start)), 0)::float
                  FROM pg_stat_activity WHERE datname = current_database() AND usename = current_user) AS transaction_s
        """,
        list(event_types()),
    )
    if row:
        OUTBOX_PENDING.set(row["pending"])
        OUTBOX_AGE.set(row["pending_s"])
        PARKED_OPEN.set(row["parked"])
        PARKED_AGE.set(row["parked_s"])
        DEADLINE_OVERDUE.set(row["overdue_s"])
        DATABASE_SIZE.set(row["size"])
        DATABASE_CONNECTIONS.set(row["connections"])
        DATABASE_TRANSACTION.set(row["transaction_s"])
    for table in await tx.fetch(
        "SELECT relname, n_dead_tup FROM pg_stat_user_tables WHERE NOT EXISTS (SELECT FROM pg_inherits WHERE inhrelid = relid)"
    ):
        DATABASE_DEAD.labels(table["relname"]).set(table["n_dead_tup"])
