"""Reading the audit: pages of rows, the latest first, by who, what, on what and when."""

import base64
import binascii
import re
from typing import Annotated, Any, Final

import asyncpg
import orjson
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, StringConstraints

from lutong_chassis.database import Tx
from lutong_contracts.values import Moment, Text

_CURSOR: Final = re.compile(r"before ([1-9][0-9]{0,18})")


class AuditQuery(BaseModel):
    """Which rows of the audit; all filters must fit. `since` is within, `until` is not."""

    model_config = ConfigDict(extra="forbid")

    actor: Annotated[Text, StringConstraints(max_length=255)] | None = Field(None, description="subject of a token")
    action: Annotated[Text, StringConstraints(max_length=80)] | None = Field(None, description="such as line.set")
    subject: Annotated[Text, StringConstraints(max_length=400)] | None = Field(
        None, description="such as line:member-1"
    )
    since: Moment | None = None
    until: Moment | None = None
    cursor: Annotated[str, StringConstraints(max_length=100)] | None = Field(None, description="next_cursor")
    limit: int = Field(100, ge=1, le=1000)


class AuditRow(BaseModel):
    """One change. `before` and `after` have the fields that changed; what may be personal is masked."""

    id: int
    at: AwareDatetime
    actor: str
    role: str | None
    merchant_id: str | None
    action: str
    subject: str
    before: dict[str, Any] | None
    after: dict[str, Any] | None
    reason: str | None
    request_id: str | None
    journey: str | None


class AuditPage(BaseModel):
    """Rows of the audit, the latest first. `next_cursor` is null on the last page."""

    rows: list[AuditRow]
    next_cursor: str | None


def encode(row_id: int) -> str:
    """Where a page ended, as an opaque word for URLs."""
    return base64.urlsafe_b64encode(f"before {row_id}".encode()).decode().rstrip("=")


def decode(cursor: str) -> int | None:
    """The row behind a word; None when it is not one of ours."""
    try:
        found = _CURSOR.fullmatch(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)).decode())
    except (ValueError, binascii.Error):
        return None
    return int(found[1]) if found and int(found[1]) < 2**63 else None


async def page(tx: Tx, query: AuditQuery, before: int | None) -> AuditPage:
    """One page of the audit, from before a row on; from the latest when it is None."""
    rows = await _rows(tx, query, before)
    shown = rows[: query.limit]
    return AuditPage(
        rows=[AuditRow(**_as_json(row)) for row in shown],
        next_cursor=encode(shown[-1]["id"]) if len(rows) > query.limit else None,
    )


def _as_json(row: asyncpg.Record) -> dict[str, Any]:
    return dict(row) | {side: row[side] and orjson.loads(row[side]) for side in ("before", "after")}


async def _rows(tx: Tx, query: AuditQuery, before: int | None) -> list[asyncpg.Record]:
    """The rows of a page and one more, if there is one."""
    return await tx.fetch(
        """
        SELECT id, at, actor, role, merchant_id, action, subject, before, after, reason, request_id,
               correlation_id AS journey
          FROM audit
         WHERE ($1::text IS NULL OR actor = $1)
           AND ($2::text IS NULL OR action = $2)
           AND ($3::text IS NULL OR subject = $3)
           AND ($4::timestamptz IS NULL OR at >= $4)
           AND ($5::timestamptz IS NULL OR at < $5)
           AND ($6::bigint IS NULL OR id < $6)
         ORDER BY id DESC
         LIMIT $7
        """,
        query.actor,
        query.action,
        query.subject,
        query.since,
        query.until,
        before,
        query.limit + 1,
    )
