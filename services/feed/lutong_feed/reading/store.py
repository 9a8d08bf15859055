"""SQL of reading: posts with their cards, one by one and in lists, as the reader who asks may see them."""

from typing import Final

import asyncpg

from lutong_chassis import Reads
from lutong_feed.domain import Cursor

POST_WITH_CARD: Final = """
    SELECT post.post_id, post.number, post.author_id, account.name AS author_name, post.text, post.published_at,
           CASE WHEN state = 'active' AND offline_for IS NOT NULL THEN 'unavailable' ELSE state END AS state,
           post.revision, post.revised_at, card.program_id, coalesce(reason, offline_for) AS reason,
           title, page, version, gray, taps, solved, requested, fulfilled, parent_id, repost.root_id, depth,
           post.deleted_at IS NOT NULL AS deleted, root.deleted_at IS NOT NULL AS root_deleted,
           root.author_id AS root_author_id, root_author.name AS root_author_name, root.text AS root_text
      FROM post
      JOIN account ON account.account_id = post.author_id
      JOIN counter USING (post_id)
      LEFT JOIN repost USING (post_id)
      LEFT JOIN post AS root ON root.post_id = repost.root_id
      LEFT JOIN account AS root_author ON root_author.account_id = root.author_id
      JOIN card ON card.post_id = coalesce(repost.root_id, post.post_id)
      LEFT JOIN program ON program.program_id = card.program_id
"""
"""Posts as readers see them, with their cards and counters; what follows narrows it down. A card of a program that is offline shows
why; `gray` is the version that some of them see."""

_NOT_APART: Final = """NOT EXISTS (
               SELECT FROM kept_apart AS kept
                WHERE kind = 'block'
                  AND (account_id = {viewer}::text AND other_id IN (post.author_id, root.author_id)
                       OR other_id = {viewer}::text AND account_id IN (post.author_id, root.author_id))
           )"""
"""Whether no block is between a viewer and those whose words a post shows. Who views as nobody is apart from nobody."""


async def post(tx: Reads, post_id: str, viewer_id: str | None) -> asyncpg.Record | None:
    """A post with its card and counters; none for who is kept apart from its author, or from that of its root."""
    return await tx.fetchrow(
        f"{POST_WITH_CARD} WHERE post.post_id = $1 AND {_NOT_APART.format(viewer='$2')}", post_id, viewer_id
    )


async def timeline(tx: Reads, reader_id: str, before: Cursor | None, limit: int) -> list[asyncpg.Record]:
    """Posts of those a reader follows, and their own, newest first, older than the cursor; without authors that are kept apart.

    A few rows per author from an index, then one merge: the cost follows the page, not the history.
    """
    return await tx.fetch(
        f"""
        WITH apart AS MATERIALIZED (
            SELECT coalesce(array_agg(author_id), '{{}}') AS ids
              FROM (SELECT other_id AS author_id FROM kept_apart WHERE account_id = $1
                     UNION
                    SELECT account_id FROM kept_apart WHERE other_id = $1 AND kind = 'block') AS kept
        ), page AS (
            SELECT recent.post_id
              FROM (SELECT followee_id AS author_id FROM follow WHERE follower_id = $1 UNION ALL SELECT $1) AS author
             CROSS JOIN LATERAL (
                   SELECT post_id, published_at, number
                     FROM post
                    WHERE post.author_id = author.author_id AND deleted_at IS NULL
                      AND ($2::timestamptz IS NULL OR (published_at, number) < ($2, $3::bigint))
                      AND ((SELECT ids FROM apart) = '{{}}' OR NOT EXISTS (
                          SELECT FROM repost JOIN post AS root ON root.post_id = repost.root_id
                           WHERE repost.post_id = post.post_id AND root.author_id = ANY ((SELECT ids FROM apart)::text[])
                      ))
                    ORDER BY published_at DESC, number DESC
                    LIMIT $4
                   ) AS recent
             WHERE author.author_id <> ALL ((SELECT ids FROM apart)::text[])
             ORDER BY published_at DESC, number DESC
             LIMIT $4
        )
        {POST_WITH_CARD}
         WHERE post.post_id = ANY (ARRAY(SELECT post_id FROM page))
         ORDER BY post.published_at DESC, post.number DESC
        """,
        reader_id,
        before.published_at if before else None,
        before.number if before else None,
        limit,
    )


async def posts_of(
    tx: Reads, author_id: str, viewer_id: str | None, before: Cursor | None, limit: int
) -> list[asyncpg.Record]:
    """An author's own posts, newest first, older than the cursor; none for who is kept apart from the author."""
    return await tx.fetch(
        f"""
        {POST_WITH_CARD}
         WHERE post.author_id = $1 AND post.deleted_at IS NULL
           AND ($2::timestamptz IS NULL OR (post.published_at, post.number) < ($2, $3::bigint))
           AND {_NOT_APART.format(viewer="$5")}
         ORDER BY post.published_at DESC, post.number DESC
         LIMIT $4
        """,
        author_id,
        before.published_at if before else None,
        before.number if before else None,
        limit,
        viewer_id,
    )
