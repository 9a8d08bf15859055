"""SQL of who may embed which program."""

from collections.abc import Iterable
from datetime import datetime
from typing import NamedTuple

from lutong_chassis import Reads, Tx
from lutong_registry.embedding.domain import Author, EmbeddedBy, Embedding


class Permission(NamedTuple):
    """An account that may embed a program, and since when."""

    account_id: str
    granted_at: datetime


async def embedding(tx: Tx, program_ids: Iterable[str], author_ids: Iterable[str]) -> Embedding:
    """Which of these programs are restricted, and what is known of these authors if any is."""
    rows = await tx.fetch(
        "SELECT program_id, embedded_by FROM program WHERE program_id = ANY ($1) AND embedded_by <> 'public'",
        sorted(set(program_ids)),
    )
    restricted = {row["program_id"]: row["embedded_by"] for row in rows}
    if not restricted:
        return Embedding()
    authors = await tx.fetch(
        """
        SELECT author_id, merchant_id, coalesce(program_ids, '{}') AS program_ids,
               ARRAY(SELECT program_id
                       FROM embed_permission
                      WHERE embed_permission.account_id = author_id AND program_id = ANY ($2)) AS permitted
          FROM unnest($1::text[]) AS given(author_id)
          LEFT JOIN account ON account_id = author_id
        """,
        sorted(set(author_ids)),
        sorted(restricted),
    )
    found = [Author(name, merchant, frozenset(bound), frozenset(may)) for name, merchant, bound, may in authors]
    return Embedding(restricted, {author.account_id: author for author in found})


async def restrict(tx: Tx, program_id: str, embedded_by: EmbeddedBy) -> EmbeddedBy | None:
    """Set who may embed a program; gives what held before, or None when nothing changed."""
    before: EmbeddedBy | None = await tx.fetchval(
        """
        UPDATE program
           SET embedded_by = $2
          FROM (SELECT program_id, embedded_by FROM program WHERE program_id = $1 FOR UPDATE) AS old
         WHERE program.program_id = old.program_id AND old.embedded_by <> $2
        RETURNING old.embedded_by
        """,
        program_id,
        embedded_by,
    )
    return before


async def permit(tx: Tx, program_id: str, account_id: str) -> bool:
    """Permit an account; gives whether it was not before."""
    return bool(
        await tx.fetchval(
            """
            INSERT INTO embed_permission (program_id, account_id) VALUES ($1, $2)
                ON CONFLICT DO NOTHING
            RETURNING true
            """,
            program_id,
            account_id,
        )
    )


async def revoke(tx: Tx, program_id: str, account_id: str) -> bool:
    """Take a permission back; gives whether there was one."""
    return bool(
        await tx.fetchval(
            "DELETE FROM embed_permission WHERE program_id = $1 AND account_id = $2 RETURNING true",
            program_id,
            account_id,
        )
    )


async def embedded_by(tx: Reads, program_id: str) -> EmbeddedBy | None:
    """Who may embed a program, if there is one."""
    found: EmbeddedBy | None = await tx.fetchval("SELECT embedded_by FROM program WHERE program_id = $1", program_id)
    return found


async def permissions(tx: Reads, program_id: str, after: str, limit: int) -> list[Permission]:
    """Accounts behind an id that may embed a program by permission, in order."""
    rows = await tx.fetch(
        """
        SELECT account_id, granted_at
          FROM embed_permission
         WHERE program_id = $1 AND account_id > $2
         ORDER BY account_id
         LIMIT $3
        """,
        program_id,
        after,
        limit,
    )
    return [Permission(*row) for row in rows]
