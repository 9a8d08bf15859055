"""Idempotency-Keys of a batch: answers that were given before, and answers to keep. One statement each."""

from collections.abc import Sequence
from datetime import datetime
from typing import Final, NamedTuple

from lutong_chassis.commands.asked import Asked, Claim, Given
from lutong_chassis.database import Connection, columns
from lutong_chassis.errors import AnsweredMeanwhileError
from lutong_chassis.problem import Problem

_NO_KEY: Final = ""
"""No key has no characters: what has none matches no row."""


class Looked(NamedTuple):
    """The transaction's time, and per command what is known under its key: an answer, a refusal, or nothing."""

    now: datetime
    known: list[Given | Problem | None]


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


async def keep(connection: Connection, answers: Sequence[tuple[Claim, Given]]) -> None:
    """Keep answers under their keys: the last locks that a batch takes, in key order.

    `AnsweredMeanwhileError` when another process has kept one since this batch looked.
    """
    rows = sorted((*claim, *given[:4]) for claim, given in answers if claim.key)
    if not rows:
        return
    tag = await connection.execute(
        """
        INSERT INTO idempotency (scope, key, fingerprint, status, media_type, body, correlation_id)
        SELECT *
          FROM unnest($1::text[], $2::text[], $3::text[], $4::smallint[], $5::text[], $6::bytea[], $7::text[])
            ON CONFLICT (scope, key) DO NOTHING
        """,
        *columns(rows, 7),
    )
    if int(tag.rpartition(" ")[2]) < len(rows):
        raise AnsweredMeanwhileError
