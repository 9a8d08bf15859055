"""Journeys: what a service knows of one, and who may continue one that others started."""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Final, Literal, NamedTuple

from pydantic import AwareDatetime, BaseModel

from lutong_chassis.auth import Principal
from lutong_chassis.database import Tx
from lutong_chassis.rows import columns_of

ROWS_MAX: Final = 2_000
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)

_LOOKED_AT_MAX: Final = 1_000
"""How many events of a journey are searched for the ids of members and merchants; those come early."""


class JourneyRecord(BaseModel):
    """One event of a journey, as this service published or consumed it; `published` is false while it waits in the outbox."""

    direction: Literal["published", "consumed"]
    event_id: str
    type: str
    topic: str
    key: str
    sequence: int | None
    causation_id: str | None
    at: AwareDatetime
    source: str | None
    published: bool


class Mark(NamedTuple):
    """A place between two records of a journey: behind the record that it is made of."""

    at: datetime
    direction: str
    event_id: str

    @property
    def text(self) -> str:
        """As it is written in a header and an address: whatever is in an event's id, it is hexadecimal there."""
        return f"{(self.at - _EPOCH) // _MICROSECOND}.{self.direction}.{self.event_id.encode().hex()}"

    @classmethod
    def read(cls, text: str) -> "Mark":
        """The mark that was written so. Raises ValueError for what is none."""
        microseconds, direction, event_id = text.split(".")
        try:
            at = _EPOCH + int(microseconds) * _MICROSECOND
        except OverflowError:
            raise ValueError("a mark is of a moment that there is") from None
        behind = bytes.fromhex(event_id).decode()
        if "\0" in direction + behind:
            raise ValueError("no text of a database has a zero byte")
        return cls(at, direction, behind)


class Records(NamedTuple):
    """A page of a journey's records, how many there are in all, and where the next page begins, when there is one."""

    rows: list[JourneyRecord]
    total: int
    next: Mark | None = None


class FoundJourney(BaseModel):
    """A journey that an id is part of: as an event's id or as a key. `at` is the first moment of it that matched."""

    journey: str
    is_event: bool
    at: AwareDatetime


class Continuation(NamedTuple):
    """A journey that a caller asks to continue."""

    who: Principal
    journey: str


class ForeignJourney(NamedTuple):
    """A journey that the principal of this identity may not continue."""

    identity: str
    journey: str


class _AskedRow(NamedTuple):
    """A journey, and the ids by which its events may name the caller."""

    identity: str
    correlation_id: str
    member_id: str | None
    merchant_id: str | None


_ASKED: Final = columns_of(_AskedRow)


async def may_continue(tx: Tx, who: Principal, correlation_id: str) -> bool:
    """Whether a caller may continue a journey: staff, a member or merchant that its events name, anyone while it is unknown.

    A journey that is not known here may be one of the caller's own system.
    """
    return not await foreign(tx, [Continuation(who, correlation_id)])


async def foreign(tx: Tx, named: Iterable[Continuation]) -> set[ForeignJourney]:
    """Which of these journeys their callers may not continue, since they belong to others. Staff may continue any."""
    asked = {
        _AskedRow(who.identity, journey, who.member_id, who.merchant_id) for who, journey in named if not who.is_staff
    }
    if not asked:
        return set()
    rows = await tx.fetch(
        f"""
        SELECT identity, asked.correlation_id
          FROM {_ASKED.unnest("asked")}
         CROSS JOIN LATERAL (
               SELECT count(*) AS events,
                      bool_or(member_id IN (event ->> 'author_id', event ->> 'viewer_id', event ->> 'member_id')
                              OR merchant_id = event ->> 'merchant_id') AS concerns
                 FROM (SELECT payload::json AS event FROM outbox
                        WHERE outbox.correlation_id = asked.correlation_id LIMIT $5) AS published
               ) AS known
         WHERE concerns IS NOT TRUE
           AND (events > 0 OR EXISTS (SELECT FROM inbox WHERE inbox.correlation_id = asked.correlation_id))
        """,
        *_ASKED.arrays(sorted(asked, key=str)),
        _LOOKED_AT_MAX,
    )
    return {ForeignJourney(*row) for row in rows}


async def records(
    tx: Tx, correlation_id: str, key: str | None = None, behind: Mark | None = None, rows_max: int = ROWS_MAX
) -> Records:
    """What was published and consumed on a journey (with one key, if one is given), oldest first, behind a mark."""
    rows = await tx.fetch(
        """
        SELECT *
          FROM (SELECT *, count(*) OVER () AS total
          FROM (SELECT 'published' AS direction, event_id::text AS event_id, type, topic, key, sequence, causation_id,
                       written_at AS at, NULL AS source,
                       NOT EXISTS (SELECT FROM pending
                                    WHERE pending.shard = outbox.shard AND pending.id = outbox.id) AS published
                  FROM outbox
                 WHERE correlation_id = $1
                 UNION ALL
                SELECT 'consumed', id, type, topic, key, sequence, causation_id, received_at, source, true
                  FROM inbox
                 WHERE correlation_id = $1) AS record
         WHERE $2::text IS NULL OR key = $2) AS counted
         WHERE $4::timestamptz IS NULL OR (at, direction, event_id) > ($4, $5, $6)
         ORDER BY at, direction, event_id
         LIMIT $3
        """,
        correlation_id,
        key,
        rows_max,
        *(behind or (None, None, None)),
    )
    found = [JourneyRecord(**{name: row[name] for name in JourneyRecord.model_fields}) for row in rows]
    last = found[-1] if len(found) == rows_max else None
    follows = Mark(last.at, last.direction, last.event_id) if last else None
    return Records(found, rows[0]["total"] if rows else 0, follows)


async def of(tx: Tx, wanted: str, rows_max: int = 100) -> list[FoundJourney]:
    """The journeys that an id is part of: that of an event, or a key. The latest first, events before keys.

    Reads the whole outbox and inbox, which retention keeps short: operators ask this, one at a time.
    """
    rows = await tx.fetch(
        """
        SELECT correlation_id AS journey, bool_or(event_id = $1) AS is_event, min(at) AS at
          FROM (SELECT correlation_id, event_id::text AS event_id, key, type, written_at AS at FROM outbox
                 UNION ALL
                SELECT correlation_id, id, key, type, received_at FROM inbox) AS known
         WHERE (event_id = $1 OR key = $1) AND type NOT LIKE '%.action-audited.%'
         GROUP BY correlation_id
         ORDER BY is_event DESC, at DESC
         LIMIT $2
        """,
        wanted,
        rows_max,
    )
    return [FoundJourney(**row) for row in rows]
