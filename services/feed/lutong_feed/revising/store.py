"""SQL of revisions: posts that are edited, what they were, and both for who reads."""

from collections.abc import Iterable, Sequence
from typing import Annotated, Final, NamedTuple

import asyncpg

from lutong_chassis import Reads, Tx
from lutong_chassis.rows import Sql, columns_of
from lutong_feed.revising.domain import WrittenPost


class Edit(NamedTuple):
    """A text that takes the place of another one."""

    post_id: str
    revision: Annotated[int, Sql("integer")]
    text: str
    replaced: str


_EDIT: Final = columns_of(Edit)


async def lock(tx: Tx, post_ids: Iterable[str]) -> dict[str, WrittenPost]:
    """Posts as they are, locked in key order."""
    rows = await tx.fetch(
        """
        SELECT post_id, author_id, text, post.program_id, revision, deleted_at IS NOT NULL AS deleted, correlation_id,
               causation_id
          FROM post JOIN card USING (post_id)
         WHERE post_id = ANY ($1)
         ORDER BY post_id
           FOR NO KEY UPDATE OF post
        """,
        sorted(set(post_ids)),
    )
    return {row["post_id"]: WrittenPost(*row) for row in rows}


async def save(tx: Tx, edits: Sequence[Edit]) -> None:
    """Keep what posts were, and give them their last text."""
    if not edits:
        return
    await tx.execute(
        f"""
        WITH given AS (SELECT {_EDIT.names} FROM {_EDIT.unnest()}),
             kept AS (
                INSERT INTO post_revision (post_id, revision, text, replaced_at)
                SELECT post_id, revision - 1, replaced, now() FROM given
             )
        UPDATE post
           SET text = last.text, revision = last.revision, revised_at = now()
          FROM (SELECT DISTINCT ON (post_id) post_id, revision, text FROM given ORDER BY post_id, revision DESC) AS last
         WHERE post.post_id = last.post_id
        """,
        *_EDIT.arrays(edits),
    )


async def post(tx: Reads, post_id: str) -> asyncpg.Record | None:
    """A post as it stands, with what it was before, in order: arrays of texts, and when each was replaced."""
    return await tx.fetchrow(
        """
        SELECT post.text, published_at, deleted_at IS NOT NULL AS deleted,
               coalesce(array_agg(kept.text ORDER BY kept.revision) FILTER (WHERE kept.post_id IS NOT NULL), '{}') AS texts,
               coalesce(array_agg(kept.replaced_at ORDER BY kept.revision) FILTER (WHERE kept.post_id IS NOT NULL), '{}')
                   AS replaced_at
          FROM post
          LEFT JOIN post_revision AS kept USING (post_id)
         WHERE post_id = $1
         GROUP BY post_id
        """,
        post_id,
    )
