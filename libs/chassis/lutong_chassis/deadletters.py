"""Parked records as operators see them: where they came from, how many there are, and their content on request.

A record may hold personal text. So lists and single records show what it is (place, key, source, type, headers of
CloudEvents, sizes), never its content: reading that takes a reason and is audited.
"""

import base64
import hashlib
from collections.abc import Sequence
from typing import Annotated, Any, Final, NamedTuple

import asyncpg
from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from lutong_chassis import attributes, causes
from lutong_chassis.attributes import Header
from lutong_chassis.database import Tx
from lutong_chassis.parking import storable, unpack
from lutong_contracts.cloudevents import STRUCTURED
from lutong_contracts.values import Text

_KEY_MAX: Final = 128
_TEXT_MAX: Final = 256
_OPEN_HEADERS: Final = ("content-type", "traceparent")


class _Content(NamedTuple):
    value: bytes | None
    headers: Sequence[Header]


class Origin(NamedTuple):
    """`source` and `type` of a record's CloudEvent; None where it has none that can be read."""

    source: str | None
    type: str | None


class Page(NamedTuple):
    """Open parked records as JSON, and how many there are in all."""

    rows: list[dict[str, Any]]
    total: int


def shown_key(key: bytes | None) -> str | None:
    """A key as a person may see it: keys are ids; what is no printable text is shown as its size and digest."""
    if key is None:
        return None
    text = key.decode("utf-8", "replace")
    if text and len(text) <= _KEY_MAX and text.isprintable() and "\N{REPLACEMENT CHARACTER}" not in text:
        return text
    return f"<{len(key)} bytes, sha256 {hashlib.sha256(key).hexdigest()[:12]}>" if key else "<empty>"


def origin_of(headers: Sequence[Header], value: bytes | None) -> Origin:
    """Source and type of a record in either mode of CloudEvents, as far as they can be read. Never fails."""
    found, _ = attributes.glance(_Content(value, headers))
    texts = [storable(found[name][:_TEXT_MAX]) if found.get(name) else None for name in ("source", "type")]
    return Origin(*texts)


class ParkedQuery(BaseModel):
    """Which open parked records; all filters must fit. `after` is the id of the last one that was shown."""

    model_config = ConfigDict(extra="forbid")

    reason: Annotated[Text, StringConstraints(max_length=64)] | None = Field(None, description="such as bad_bytes")
    key: Annotated[list[Text], Field(max_length=100)] | None = Field(None, description="only with one of these keys")
    group: Annotated[Text, StringConstraints(max_length=64)] | None = Field(None, description="the name of a group")
    after: int = Field(0, ge=0, le=2**63 - 1)
    limit: int = Field(100, ge=1, le=1000)


_FITS: Final = """
    state = 'parked' AND ($1::text IS NULL OR reason = $1)
    AND ($2::text[] IS NULL
         OR sha256(key) = ANY (SELECT sha256(convert_to(wanted, 'UTF8')) FROM unnest($2::text[]) AS wanted))
    AND ($3::text IS NULL OR group_name = $3)
"""


async def page(tx: Tx, query: ParkedQuery) -> Page:
    """Open parked records behind an id, oldest first, with how many wait behind each; and how many there are in all."""
    wanted = (query.reason, query.key, query.group)
    rows = await tx.fetch(
        f"""
        WITH fitting AS (SELECT {causes.COLUMNS} FROM parked WHERE {_FITS} AND id > $4 ORDER BY id LIMIT $5)
        SELECT id, topic, partition, "offset", key, type, event_id, correlation_id, reason, error, attempts, parked_at,
               headers, CASE WHEN position($6 IN lower(convert_from(headers, 'LATIN1'))) > 0 THEN value END AS value,
               (SELECT count(*) FROM parked AS behind
                 WHERE behind.state = 'waiting' AND behind.topic = fitting.topic
                   AND sha256(behind.key) = sha256(fitting.key)) AS waiting
          FROM fitting
         ORDER BY id
        """,
        *wanted,
        query.after,
        query.limit,
        STRUCTURED,
    )
    total: int = await tx.fetchval(f"SELECT count(*) FROM parked WHERE {_FITS}", *wanted)
    return Page([_summary(row) for row in rows], total)


async def look(tx: Tx, parked_id: int) -> dict[str, Any] | None:
    """One record in whatever state, without its content; None when there is none with this id."""
    row = await _row(tx, parked_id)
    if row is None:
        return None
    headers = unpack(row["headers"])
    return _summary(row) | {
        "state": row["state"],
        "recorded_at": row["recorded_at"],
        "resolved_at": row["resolved_at"],
        "value_bytes": None if row["value"] is None else len(row["value"]),
        "headers": [_masked(header) for header in headers],
    }


async def reveal(tx: Tx, parked_id: int) -> dict[str, Any] | None:
    """The content of one record, byte for byte. The route audits who reads it."""
    row = await _row(tx, parked_id)
    if row is None:
        return None
    return {
        "id": parked_id,
        "key": _text(row["key"]),
        "value": _text(row["value"]),
        "headers": [{"name": storable(name)} | (_text(value) or {}) for name, value in unpack(row["headers"])],
    }


async def _row(tx: Tx, parked_id: int) -> asyncpg.Record | None:
    return await tx.fetchrow(
        """
        SELECT id, state, topic, partition, "offset", recorded_at, key, value, headers, event_id, type, correlation_id,
               reason, error, attempts, parked_at, resolved_at,
               (SELECT count(*) FROM parked AS behind
                 WHERE head.state = 'parked' AND behind.state = 'waiting' AND behind.topic = head.topic
                   AND sha256(behind.key) = sha256(head.key)) AS waiting
          FROM parked AS head
         WHERE id = $1
        """,
        parked_id,
    )


def _summary(row: asyncpg.Record) -> dict[str, Any]:
    origin = origin_of(unpack(row["headers"]), row["value"])
    names = ("id", "topic", "partition", "offset", "event_id", "correlation_id", "reason", "error", "attempts")
    return {name: row[name] for name in (*names, "parked_at", "waiting")} | {
        "key": shown_key(row["key"]),
        "source": origin.source,
        "type": row["type"] or origin.type,
    }


def _masked(header: Header) -> dict[str, Any]:
    """A header: those of CloudEvents as they are, of others only how long they are."""
    name, value = header
    known = name.lower().startswith("ce_") or name.lower() in _OPEN_HEADERS
    size = None if value is None else len(value)
    text = value.decode("utf-8", "replace")[:_TEXT_MAX] if value is not None and known else None
    return {"name": storable(name[:_TEXT_MAX]), "bytes": size, "text": text}


def _text(value: bytes | None) -> dict[str, str] | None:
    """Bytes as JSON can hold them: as text when they are text, else in base64."""
    if value is None:
        return None
    try:
        return {"text": value.decode()}
    except UnicodeDecodeError:
        return {"base64": base64.b64encode(value).decode()}
