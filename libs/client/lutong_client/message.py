"""Messages and receipts: what is published, and its outcome. Pure: no network."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final, Literal

from uuid_utils import uuid7

from lutong_contracts import Event
from lutong_contracts.cloudevents import Cause, Envelope, Header, to_headers, to_structured
from lutong_contracts.moments import in_utc

_TEXT_MAX: Final = 256
"""Characters of an attribute that services accept."""

Status = Literal["accepted", "duplicate", "rejected"]


@dataclass(frozen=True, slots=True)
class Message:
    """An event in its envelope, ready for any transport; made by `message`. Frozen.

    Services recognise a copy by `envelope.source` and `id`. `value`, `headers` and `document` are the two wire formats.
    """

    event: Event
    envelope: Envelope

    @property
    def id(self) -> str:
        """What copies are recognised by, together with the source."""
        return self.envelope.id

    @property
    def value(self) -> bytes:
        """The event as JSON."""
        return self.event.model_dump_json().encode()

    @property
    def headers(self) -> list[Header]:
        """CloudEvents in binary mode: the headers of a Kafka record."""
        return to_headers(self.envelope)

    @property
    def document(self) -> bytes:
        """CloudEvents in structured mode: one JSON object, without a line break."""
        return to_structured(self.envelope, self.value)


@dataclass(frozen=True, slots=True)
class Receipt:
    """The outcome of one message, by its `id`.

    `status` is `accepted`, `duplicate` (a copy came before: done) or `rejected`. `journey` is the correlation id that
    follow-up events carry. Of a rejection, `code` is a stable word for programs, `detail` and `hint` are sentences for
    people, and `pointer` is a JSON pointer into the message, such as `/data/text`.
    """

    id: str
    status: Status
    journey: str | None = None
    code: str | None = None
    pointer: str | None = None
    detail: str | None = None
    hint: str | None = None

    @classmethod
    def of(cls, document: dict[str, Any]) -> "Receipt":
        """From a result of `POST /v1/events`; what is not known yet is ignored."""
        return cls(**{name: document.get(name) for name in cls.__dataclass_fields__})  # type: ignore[arg-type]  # the service keeps to its OpenAPI


class PublishError(RuntimeError):
    """A message was not accepted.

    `receipt` holds the reasons when a service rejected it, and is None when no service answered. `transient` is whether
    publishing the same message again, under the same id, may succeed.
    """

    def __init__(self, what: str, receipt: Receipt | None = None, *, transient: bool = False) -> None:
        super().__init__(what)
        self.receipt = receipt
        self.transient = transient


def _check(name: str, text: str | None) -> None:
    """Refuse an attribute that services would reject."""
    if text is None:
        return
    if not isinstance(text, str):
        raise ValueError(f"{name} is a {type(text).__name__}: give it as text")  # noqa: TRY004  # one kind of refusal
    if not text.strip():
        raise ValueError(f"{name} is empty: give the key of what you publish, or leave it out")
    if len(text) > _TEXT_MAX:
        raise ValueError(f"{name} has {len(text)} characters: at most {_TEXT_MAX} are allowed")
    if "\x00" in text or any("\ud800" <= character <= "\udfff" for character in text):
        raise ValueError(f"{name} has NUL or half of a surrogate pair: no record can carry that")


def _in_utc(time: datetime) -> datetime:
    try:
        return in_utc(time)
    except ValueError as error:
        raise ValueError(f"time {error}") from None


def message(  # noqa: PLR0913  # one keyword per CloudEvents attribute
    event: Event,
    source: str,
    *,
    id: str | None = None,  # noqa: A002  # CloudEvents calls it id
    correlation_id: str | None = None,
    causation_id: str | None = None,
    traceparent: str | None = None,
    time: datetime | None = None,
) -> Message:
    """Put an event into its envelope.

    `source` is a URI reference that names the publisher. `id` defaults to a UUIDv7: give one of your own (a row's key)
    whenever you may publish the same thing twice. `correlation_id` is the journey, and defaults to the id; `causation_id`
    is the id of the event that led to this one; `traceparent` is W3C Trace Context. `time` is when it happened, with an
    offset, and defaults to now. Ids and sources have 1 to 256 characters.

    Raises `ValueError`, naming the argument, for what no service would accept.

    >>> from lutong_contracts.feed import PostPublished
    >>> made = message(PostPublished(post_id="p-1", author_id="ann", text="路通"), "/partner/cms", id="cms-1")
    >>> made.id, made.envelope.key, made.envelope.cause.correlation_id
    ('cms-1', 'p-1', 'cms-1')
    """
    event_id = str(uuid7()) if id is None else id
    given = {"id": event_id, "source": source, "correlation_id": correlation_id, "causation_id": causation_id}
    for name, text in given.items():
        _check(name, text)
    cause = Cause(correlation_id or event_id, causation_id, traceparent)
    envelope = Envelope(
        event_id, source, event.type, _in_utc(time) if time else datetime.now(UTC), event.key, None, cause
    )
    return Message(event, envelope)
