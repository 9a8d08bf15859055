"""Idempotency-Keys of a batch: answers that were given before, and answers to keep. One statement each."""

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Final, NamedTuple

from lutong_chassis.commands.asked import Asked, Claim, Given
from lutong_chassis.database import Connection
from lutong_chassis.errors import AnsweredMeanwhileError
from lutong_chassis.problem import Problem
from lutong_chassis.rows import Sql, columns_of

_NO_KEY: Final = ""
"""No key has no characters: what has none matches no row."""


class Looked(NamedTuple):
    """The transaction's time, and per command what is known under its key: an answer, a refusal, or nothing."""

    now: datetime
    known: list[Given | Problem | None]


class Kept(NamedTuple):
    """An answer, and the claim under which it is kept."""

    claim: Claim
    given: Given


class _KeyRow(NamedTuple):
    """An Idempotency-Key with its answer."""

    scope: str
    key: str
    fingerprint: str
    status: Annotated[int, Sql("smallint")]
    media_type: str
    body: bytes
    correlation_id: str | None


_ROW: Final = columns_of(_KeyRow)


async def look_up(connection: Connection, batch: Sequence[Asked[object]]) -> Looked:
    """Begin a batch: the transaction's time, and the answers that were given before, in one statement."""
    claims = [asked.claim for asked in batch]
    rows = await connection.fetch(
        """
        SELECT now() AS now, fingerprint, status, media_type, body, correlation_id
          FROM unnest($1::text[], $2::text[]) WITH ORDINALITY AS asked(scope, key, place)
          LEFT JOIN idempotency USING (scope, key)
         ORDER BY place
        """,
        [claim.scope for claim in claims],
        [claim.key or _NO_KEY for claim in claims],
    )
    return Looked(rows[0]["now"], [_known(claim, *row[1:]) for claim, row in zip(claims, rows, strict=True)])


def _known(
    claim: Claim, fingerprint: str | None, status: int, media_type: str, body: bytes, journey: str | None
) -> Given | Problem | None:
    if fingerprint is None:
        return None
    if fingerprint != claim.fingerprint:
        return Problem(422, "key_reused", "this Idempotency-Key was used with another body: use a fresh key")
    return Given(status, media_type, body, journey, replayed=True)


async def keep(connection: Connection, answers: Sequence[Kept]) -> None:
    """Keep answers under their keys: the last locks that a batch takes, in key order.

    `AnsweredMeanwhileError` when another process has kept one since this batch looked.
    """
    rows = sorted(_row(kept, key) for kept in answers if (key := kept.claim.key))
    if not rows:
        return
    tag = await connection.execute(
        f"""
        INSERT INTO idempotency ({_ROW.names})
        SELECT {_ROW.names} FROM {_ROW.unnest()}
            ON CONFLICT (scope, key) DO NOTHING
        """,
        *_ROW.arrays(rows),
    )
    if int(tag.rpartition(" ")[2]) < len(rows):
        raise AnsweredMeanwhileError


def _row(kept: Kept, key: str) -> _KeyRow:
    claim, given = kept
    return _KeyRow(claim.scope, key, claim.fingerprint, given.status, given.media_type, given.body, given.journey)
