"""SQL of drafts: written, found, and gone when they are published or dropped."""

from collections.abc import Iterable, Sequence
from typing import Final, NamedTuple

import asyncpg

from lutong_chassis import Reads, Tx
from lutong_chassis.rows import columns_of
from lutong_feed.drafts.domain import Draft, DraftName


class RefusedDraft(NamedTuple):
    """A draft that was not published at its time, and why."""

    author_id: str
    draft_id: str
    reason: str


_DRAFT: Final = columns_of(Draft)
_NAME: Final = columns_of(DraftName)
_REFUSED: Final = columns_of(RefusedDraft)


async def names(tx: Reads, author_ids: Iterable[str]) -> dict[str, set[str]]:
    """The ids of all drafts of authors."""
    rows = await tx.fetch(
        "SELECT author_id, array_agg(draft_id) AS ids FROM draft WHERE author_id = ANY ($1) GROUP BY author_id",
        sorted(set(author_ids)),
    )
    return {row["author_id"]: set(row["ids"]) for row in rows}


async def of(tx: Reads, author_id: str) -> list[asyncpg.Record]:
    """The drafts of an author: what is scheduled first, in order of time, then the rest, the last written first."""
    return await tx.fetch(
        """
        SELECT draft_id, text, program_id, card, parent_id, quote_id, audience, publish_at, refused_for, written_at
          FROM draft
         WHERE author_id = $1
         ORDER BY publish_at, written_at DESC, draft_id
        """,
        author_id,
    )


async def save(tx: Tx, drafts: Sequence[Draft]) -> None:
    """Keep drafts, the last of each."""
    await tx.execute(
        f"""
        INSERT INTO draft AS known ({_DRAFT.names})
        SELECT {_DRAFT.names} FROM {_DRAFT.unnest()}
            ON CONFLICT (author_id, draft_id) DO UPDATE
           SET text = excluded.text, program_id = excluded.program_id, card = excluded.card, parent_id = excluded.parent_id,
               publish_at = excluded.publish_at, quote_id = excluded.quote_id, audience = excluded.audience, refused_for = NULL, written_at = now()
        """,
        *_DRAFT.arrays([draft for _, draft in sorted({draft.name: draft for draft in drafts}.items())]),
    )


async def lock(tx: Tx, drafts: Iterable[DraftName]) -> dict[DraftName, Draft]:
    """Drafts by name, locked in key order."""
    rows = await tx.fetch(
        f"""
        SELECT {_DRAFT.names}
          FROM draft
         WHERE (author_id, draft_id) IN (SELECT {_NAME.names} FROM {_NAME.unnest()})
         ORDER BY author_id, draft_id
           FOR UPDATE
        """,
        *_NAME.arrays(sorted(set(drafts))),
    )
    return {DraftName(row["author_id"], row["draft_id"]): Draft(*row) for row in rows}


async def drop(tx: Tx, drafts: Iterable[DraftName]) -> set[DraftName]:
    """Drafts are gone; gives those that were there."""
    rows = await tx.fetch(
        f"""
        DELETE FROM draft
         WHERE (author_id, draft_id) IN (SELECT {_NAME.names} FROM {_NAME.unnest()})
        RETURNING author_id, draft_id
        """,
        *_NAME.arrays(sorted(set(drafts))),
    )
    return {DraftName(*row) for row in rows}


async def erase(tx: Tx, author_ids: Iterable[str]) -> set[str]:
    """All drafts of authors are gone, in key order; gives the authors who had some."""
    rows = await tx.fetch(
        """
        WITH theirs AS (
            SELECT author_id, draft_id FROM draft WHERE author_id = ANY ($1) ORDER BY author_id, draft_id FOR UPDATE
        )
        DELETE FROM draft USING theirs
         WHERE (draft.author_id, draft.draft_id) = (theirs.author_id, theirs.draft_id)
        RETURNING draft.author_id
        """,
        sorted(set(author_ids)),
    )
    return {row["author_id"] for row in rows}


async def refuse(tx: Tx, refused: Sequence[RefusedDraft]) -> None:
    """Drafts that could not be published at their time wait for their authors."""
    await tx.execute(
        f"""
        UPDATE draft SET publish_at = NULL, refused_for = reason
          FROM {_REFUSED.unnest()}
         WHERE (draft.author_id, draft.draft_id) = (given.author_id, given.draft_id)
        """,
        *_REFUSED.arrays(refused),
    )


async def posts(tx: Reads, post_ids: Iterable[str]) -> set[str]:
    """Which of these ids are those of posts."""
    rows = await tx.fetch("SELECT post_id FROM post WHERE post_id = ANY ($1)", sorted(set(post_ids)))
    return {row["post_id"] for row in rows}
