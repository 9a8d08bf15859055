"""Codes by which members confirm that a right is used: hashes, one of each right of an agreement."""

from collections.abc import Iterable
from typing import Final, NamedTuple

from lutong_chassis import Tx, columns
from lutong_membership.agreements.domain.codes import Code

_FIELDS: Final = tuple(Code.__dataclass_fields__)


class CodeName(NamedTuple):
    """The right that a code is for."""

    agreement_id: str
    right_id: str


async def lock_codes(tx: Tx, names: Iterable[CodeName]) -> dict[CodeName, Code]:
    """The codes of rights, locked in key order: two who show one at once show it one after the other."""
    rows = await tx.fetch(
        f"""
        SELECT {", ".join(_FIELDS)}
          FROM right_code
         WHERE (agreement_id, right_id) IN (SELECT * FROM unnest($1::text[], $2::text[]))
         ORDER BY agreement_id, right_id
           FOR NO KEY UPDATE
        """,
        *columns(sorted(set(names)), 2),
    )
    return {CodeName(row["agreement_id"], row["right_id"]): Code(**dict(row)) for row in rows}


async def save_codes(tx: Tx, codes: Iterable[Code]) -> None:
    """Keep fresh codes instead of those before, or that they were used or guessed wrongly: one for each right."""
    rows = sorted((tuple(getattr(code, name) for name in _FIELDS) for code in codes), key=lambda row: row[:2])
    if not rows:
        return
    await tx.execute(
        f"""
        INSERT INTO right_code ({", ".join(_FIELDS)})
        SELECT *
          FROM unnest($1::text[], $2::text[], $3::bytea[], $4::bytea[], $5::timestamptz[], $6::integer[], $7::timestamptz[])
            ON CONFLICT (agreement_id, right_id) DO UPDATE
           SET salt = excluded.salt, digest = excluded.digest, expires_at = excluded.expires_at,
               tries_left = excluded.tries_left, used_at = excluded.used_at
        """,
        *columns(rows, len(_FIELDS)),
    )
