"""What operators see of a process: logs, metrics, traces. Labels are bounded; contents never appear."""

import logging
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from time import perf_counter
from typing import Any, Final

import structlog
from opentelemetry import trace
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator
from prometheus_client import Counter, Gauge, Histogram

from lutong_chassis.envelope import Received
from lutong_chassis.parking import Stopped
from lutong_chassis.settings import Settings
from lutong_contracts import Event

_BATCHES: Final = (1, 2, 5, 10, 25, 50, 100, 250, 500, 1000)

CONSUMED = Counter("lutong_events_consumed_total", "Events taken from Kafka, by what became of them", ["outcome"])
BATCH_SIZE = Histogram("lutong_batch_size_events", "Events handled in one transaction", buckets=_BATCHES)
HANDLER_TIME = Histogram("lutong_handler_seconds", "Time of one handler call", ["type"])
ERRAND_TIME = Histogram("lutong_errand_seconds", "Time of one question to the outside", ["errand"])
PARKED = Counter("lutong_events_parked_total", "Records that were set aside", ["reason"])
RETRIES = Counter("lutong_batch_retries_total", "Batches that were tried again")
RELAYED = Counter("lutong_events_published_total", "Outbox rows acknowledged by Kafka")
OUTBOX_PENDING = Gauge("lutong_outbox_pending_events", "Outbox rows not published yet")
OUTBOX_AGE = Gauge("lutong_outbox_oldest_seconds", "Age of the oldest row not published yet")
PARKED_OPEN = Gauge("lutong_parked_open_records", "Records parked or waiting behind a parked one")
LAG = Gauge("lutong_consumer_lag_events", "Events in assigned partitions not handled yet")
HTTP_REFUSED = Counter("lutong_http_refused_total", "Requests refused because too many were in progress")
HTTP_TIME = Histogram("lutong_http_seconds", "Time of one command or query, refusals included", ["method", "route"])

tracer = trace.get_tracer("lutong")
_propagator = TraceContextTextMapPropagator()


def configure_logging(settings: Settings, service: str) -> None:
    """JSON lines on stdout, one per thing an operator would ask about; libraries only when they warn."""
    shared: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    structlog.configure(
        processors=[
            *shared,
            _service_namer(service),
            structlog.processors.format_exc_info,
            structlog.processors.JSONRenderer(ensure_ascii=False),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelName(settings.log_level)),
        logger_factory=structlog.PrintLoggerFactory(sys.stdout),
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            processor=structlog.processors.JSONRenderer(ensure_ascii=False),
            foreign_pre_chain=[*shared, _service_namer(service), structlog.processors.format_exc_info],
        )
    )
    logging.basicConfig(handlers=[handler], level=logging.WARNING, force=True)
    # aiokafka reports every broken connection once per broker and second; ours says it once, with backoff.
    logging.getLogger("aiokafka").setLevel(logging.ERROR)


def _service_namer(service: str) -> structlog.typing.Processor:
    def name_service(_logger: Any, _method: str, event: structlog.typing.EventDict) -> structlog.typing.EventDict:  # noqa: ANN401  # structlog's signature
        event["service"] = service
        return event

    return name_service


def configure_tracing(settings: Settings, service: str) -> None:
    """Export traces when an endpoint is set; otherwise trace context is passed on and nothing is recorded."""
    if settings.otlp_endpoint:
        provider = TracerProvider(resource=Resource.create({"service.name": f"lutong-{service}"}))
        provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter(endpoint=settings.otlp_endpoint)))
        trace.set_tracer_provider(provider)


def current_traceparent() -> str | None:
    """The W3C trace context of the span that is open now, if any is recorded."""
    carrier: dict[str, str] = {}
    _propagator.inject(carrier)
    return carrier.get("traceparent")


@contextmanager
def handling(event_type: str, batch: Sequence[Received[Event]]) -> Iterator[None]:
    """Measure one handler call; its span links to every trace that the batch came from."""
    began = perf_counter()
    links = [
        trace.Link(trace.get_current_span(_propagator.extract({"traceparent": parent})).get_span_context())
        for parent in {item.cause.traceparent for item in batch if item.cause.traceparent}
    ]
    attributes: dict[str, str | int] = {"messaging.system": "kafka", "messaging.batch.message_count": len(batch)}
    with tracer.start_as_current_span(f"process {event_type}", links=links, attributes=attributes):
        yield
    HANDLER_TIME.labels(event_type).observe(perf_counter() - began)


def consumed(total: int, good: int, fresh: int, stopped: Sequence[Stopped]) -> None:
    """Count what became of a batch."""
    BATCH_SIZE.observe(total)
    CONSUMED.labels("handled").inc(fresh)
    CONSUMED.labels("duplicate_or_ignored").inc(good - fresh)
    CONSUMED.labels("stopped").inc(len(stopped))
    for item in stopped:
        PARKED.labels(item.reason).inc()
