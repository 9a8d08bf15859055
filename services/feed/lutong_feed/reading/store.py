"""SQL of reading: posts with their cards, one by one and in lists, as the reader who asks may see them."""

from typing import Final

import asyncpg

from lutong_chassis import Reads
from lutong_feed.apart.store import not_apart
from lutong_feed.domain import Cursor
from lutong_feed.limiting.store import seen_by


def post_with_card(viewer: str) -> str:
    """Posts as a viewer sees them, with their cards and counters; SQL, and what follows narrows it down. A card of a program that is
    offline shows why; `gray` is the version that some viewers see, `hosted` what some hosts have of their own. Of a root, or of what is quoted, that is limited to others nothing is shown."""
    root = f"(root.post_id IS NULL OR {seen_by(viewer, 'root')})"
    quoted = f"(quoted.post_id IS NULL OR {seen_by(viewer, 'quoted')})"
    return _POST_WITH_CARD.replace("{root}", root).replace("{quoted}", quoted)


_POST_WITH_CARD: Final = """
    SELECT post.post_id, post.number, post.author_id, account.name AS author_name, post.text, post.published_at,
           CASE WHEN NOT {root} OR state = 'active' AND offline_for IS NOT NULL THEN 'unavailable' ELSE state END AS state,
           post.revision, post.revised_at, post.audience, CASE WHEN {root} THEN card.program_id END AS program_id,
           CASE WHEN {root} THEN coalesce(reason, offline_for) ELSE 'limited' END AS reason,
           title, page, version, gray, needs, hosted, taps, solved, requested, fulfilled, parent_id, repost.root_id, root.number AS root_number, depth,
           post.deleted_at IS NOT NULL AS deleted, root.deleted_at IS NOT NULL AS root_deleted,
           root.author_id AS root_author_id, root_author.name AS root_author_name,
           CASE WHEN {root} THEN root.text ELSE '' END AS root_text, NOT {root} AS root_limited,
           quoted_id, quoted.author_id AS quoted_author_id, quoted_author.name AS quoted_author_name,
           CASE WHEN {quoted} THEN quoted.text ELSE '' END AS quoted_text, NOT {quoted} AS quoted_limited, quoted.deleted_at IS NOT NULL AS quoted_deleted, counter.quoted AS times_quoted
      FROM post
      JOIN account ON account.account_id = post.author_id
      JOIN counter USING (post_id)
      LEFT JOIN repost USING (post_id)
      LEFT JOIN post AS root ON root.post_id = repost.root_id
      LEFT JOIN account AS root_author ON root_author.account_id = root.author_id
      JOIN card ON card.post_id = coalesce(repost.root_id, post.post_id)
      LEFT JOIN program ON program.program_id = card.program_id AND {root}
      LEFT JOIN quote ON quote.post_id = post.post_id
      LEFT JOIN post AS quoted ON quoted.post_id = quoted_id
      LEFT JOIN account AS quoted_author ON quoted_author.account_id = quoted.author_id
"""

_AUTHORS: Final = ("post.author_id", "root.author_id", "quoted.author_id")
"""Those whose words a post shows."""


async def post(tx: Reads, post_id: str, viewer_id: str | None) -> asyncpg.Record | None:
    """A post with its card and counters; none for who is kept apart from its author, or from that of its root."""
    return await tx.fetchrow(
        f"{post_with_card('$2')} WHERE post.post_id = $1 AND {seen_by('$2')} AND {not_apart('$2::text', *_AUTHORS)}",
        post_id,
        viewer_id,
    )


_BEFORE: Final = "($2::timestamptz IS NULL OR (post.published_at, post.number) < ($2, $3::bigint))"

_WANTED: Final = f"""deleted_at IS NULL AND {_BEFORE}
                  AND (post.audience <> 'only_me' OR post.author_id = $1)
                  AND post.author_id <> ALL ((SELECT ids FROM apart)::text[])
                  AND ((SELECT ids FROM apart) = '{{}}' OR NOT EXISTS (
                      SELECT FROM (SELECT root_id FROM repost WHERE repost.post_id = post.post_id
                                    UNION ALL
                                   SELECT quoted_id FROM quote WHERE quote.post_id = post.post_id) AS shown (post_id)
                        JOIN post AS theirs ON theirs.post_id = shown.post_id
                       WHERE theirs.author_id = ANY ((SELECT ids FROM apart)::text[])
                  ))"""
"""Whether a post is older than the cursor, stands, and shows words of nobody who is kept apart."""

_NEWEST: Final = "ORDER BY post.published_at DESC, post.number DESC LIMIT $4"


def _of_each(authors: str, narrowed: str = "true") -> str:
    """The newest posts of some authors: a few rows per author from an index."""
    return f"""SELECT recent.post_id, recent.published_at, recent.number
              FROM ({authors}) AS author
             CROSS JOIN LATERAL (
                   SELECT post_id, published_at, number
                     FROM post
                    WHERE post.author_id = author.author_id AND {narrowed} AND {_WANTED}
                    {_NEWEST}
                   ) AS recent"""


_APART: Final = """
            SELECT coalesce(array_agg(author_id), '{}') AS ids
              FROM (SELECT other_id AS author_id FROM kept_apart WHERE account_id = $1
                     UNION
                    SELECT account_id FROM kept_apart WHERE other_id = $1 AND kind = 'block') AS kept"""
_FLOOR: Final = """
            SELECT coalesce(max(floor_at), '-infinity') AS at, coalesce(max(floor_number), 0) AS number
              FROM timeline_reader WHERE reader_id = $1"""
_KEPT: Final = f"""
            SELECT entry.post_id, entry.published_at, entry.number
              FROM timeline_entry AS entry
             CROSS JOIN LATERAL (
                   SELECT FROM post
                    WHERE post.post_id = entry.post_id AND {_WANTED}
                      AND EXISTS (SELECT FROM follow WHERE follower_id = $1 AND followee_id = post.author_id AND pushed)
                   OFFSET 0
                   ) AS shown
             WHERE entry.reader_id = $1 AND {_BEFORE.replace("post.", "entry.")}
               AND (entry.published_at, entry.number) > ((SELECT at FROM floor), (SELECT number FROM floor))
             ORDER BY entry.published_at DESC, entry.number DESC
             LIMIT $4"""
"""OFFSET 0: from the newest entry on, one by one until the page is full, and never all that a reader follows."""

_UNDER_WAY_MAX: Final = 1_000
_UNDER_WAY: Final = f"""
            SELECT post_id, author_id, published_at, number FROM post
             WHERE NOT fanned AND deleted_at IS NULL LIMIT {_UNDER_WAY_MAX + 1}"""
_FEW: Final = f"(SELECT count(*) FROM under_way) <= {_UNDER_WAY_MAX}"
_ONE_BY_ONE: Final = f"""SELECT post.post_id, post.published_at, post.number
              FROM under_way
              JOIN post ON post.post_id = under_way.post_id
              JOIN follow ON follower_id = $1 AND followee_id = under_way.author_id AND pushed
             WHERE {_FEW} AND {_WANTED}
             {_NEWEST}"""
_BY_AUTHOR: Final = _of_each(
    f"SELECT followee_id AS author_id FROM follow WHERE follower_id = $1 AND pushed AND NOT {_FEW}", "NOT fanned"
)
_PULLED: Final = _of_each(
    "SELECT followee_id AS author_id FROM follow WHERE follower_id = $1 AND NOT pushed UNION ALL SELECT $1"
)
_BELOW: Final = _of_each(
    """SELECT followee_id AS author_id FROM follow
                     WHERE follower_id = $1 AND pushed AND (SELECT at > '-infinity' FROM floor)
                       AND (SELECT count(*) FROM kept) < $4""",
    "(published_at, number) <= ((SELECT at FROM floor), (SELECT number FROM floor))",
)
TIMELINE: Final = f"""
        WITH apart AS MATERIALIZED ({_APART}
        ), floor AS MATERIALIZED ({_FLOOR}
        ), kept AS MATERIALIZED ({_KEPT}
        ), under_way AS MATERIALIZED ({_UNDER_WAY}
        ), page AS (
            SELECT DISTINCT post_id, published_at, number
              FROM (SELECT post_id, published_at, number FROM kept
                     UNION ALL ({_ONE_BY_ONE})
                     UNION ALL {_BY_AUTHOR}
                     UNION ALL {_PULLED}
                     UNION ALL {_BELOW}) AS found
             ORDER BY published_at DESC, number DESC
             LIMIT $4
        )
        {post_with_card("$1")}
         WHERE post.post_id = ANY (ARRAY (SELECT post_id FROM page))
         ORDER BY post.published_at DESC, post.number DESC
"""
"""A page of a timeline: what is kept of it, what is still being copied (all of that if it is little, else by author), the posts of authors
that are pulled and the reader's own, and, when the kept does not fill the page, what is below its floor. One statement, so one moment: a
follow is pushed in it or it is not."""


async def timeline(tx: Reads, reader_id: str, before: Cursor | None, limit: int) -> list[asyncpg.Record]:
    """Posts of those a reader follows, and their own, newest first, older than the cursor; without authors that are kept apart.

    The cost follows the page, not the history: rows of one index for all that is kept, and a few per author that is not.
    """
    return await tx.fetch(
        TIMELINE, reader_id, before.published_at if before else None, before.number if before else None, limit
    )


async def posts_of(
    tx: Reads, author_id: str, viewer_id: str | None, before: Cursor | None, limit: int
) -> list[asyncpg.Record]:
    """An author's own posts, newest first, older than the cursor; none for who is kept apart from the author."""
    return await tx.fetch(
        f"""
        {post_with_card("$5")}
         WHERE post.author_id = $1 AND post.deleted_at IS NULL AND {seen_by("$5")}
           AND ($2::timestamptz IS NULL OR (post.published_at, post.number) < ($2, $3::bigint))
           AND {not_apart("$5::text", *_AUTHORS)}
         ORDER BY post.published_at DESC, post.number DESC
         LIMIT $4
        """,
        author_id,
        before.published_at if before else None,
        before.number if before else None,
        limit,
        viewer_id,
    )
