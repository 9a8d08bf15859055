"""SQL of fan-out: posts that are copied to those who follow, follows that begin and end, and authors who change their tier.

What changes which follows of an author are pushed, or copies one of their posts, first locks that author (`lock_authors`), and only then
reads: so a post is either among those that a new follow takes over, or copied to it later, and never neither.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Final, NamedTuple

from lutong_chassis import Reads, Tx
from lutong_chassis.rows import columns_of
from lutong_feed.timelines.domain import Edge, Tier


class Step(NamedTuple):
    """A post or an author, and the follower that the step before ended with."""

    what: str
    after: str | None


class Reached(NamedTuple):
    """How many a step reached, and the last of them."""

    followers: int
    last: str


_EDGE: Final = columns_of(Edge)
_STEP: Final = columns_of(Step)


async def lock_authors(tx: Tx, author_ids: Iterable[str]) -> None:
    """One at a time works at the copies of an author's posts, until commit."""
    await tx.lock("fan-out", author_ids)


async def copy(tx: Tx, steps: Sequence[Step], most: int) -> dict[Step, Reached]:
    """Copy posts to the next `most` of those who follow, each; gives for each step how far it came. Once is enough."""
    rows = await tx.fetch(
        f"""
        WITH target AS (
            SELECT what, after, post_id, published_at, number, deleted_at, next.follower_id
              FROM {_STEP.unnest()}
              JOIN post ON post_id = what
             CROSS JOIN LATERAL (
                   SELECT follower_id
                     FROM follow
                    WHERE followee_id = author_id AND pushed AND follower_id > coalesce(after, '')
                    ORDER BY follower_id
                    LIMIT $3
                   ) AS next
        ), copied AS (
            INSERT INTO timeline_entry (reader_id, published_at, number, post_id)
            SELECT follower_id, published_at, number, post_id FROM target WHERE deleted_at IS NULL
                ON CONFLICT DO NOTHING
        )
        SELECT what, after, count(*) AS reached, max(follower_id) AS last FROM target GROUP BY what, after
        """,
        *_STEP.arrays(steps),
        most,
    )
    return {Step(row["what"], row["after"]): Reached(row["reached"], row["last"]) for row in rows}


async def mark_fanned(tx: Tx, post_ids: Iterable[str]) -> set[str]:
    """Posts have reached everybody they are copied to; gives those that had not."""
    rows = await tx.fetch(
        """
        UPDATE post SET fanned = true
         WHERE post_id IN (SELECT post_id FROM post WHERE post_id = ANY ($1) AND NOT fanned ORDER BY post_id FOR NO KEY UPDATE)
        RETURNING post_id
        """,
        sorted(set(post_ids)),
    )
    return {row["post_id"] for row in rows}


async def unfanned(tx: Tx, most: int) -> list[Edge]:
    """Posts of which nobody knows any more that they are to be copied: a day old. Gives author and post."""
    rows = await tx.fetch(
        """
        SELECT author_id, post_id FROM post
         WHERE NOT fanned AND published_at < now() - interval '1 day'
         ORDER BY published_at
         LIMIT $1
        """,
        most,
    )
    return [Edge(*row) for row in rows]


async def merge(tx: Tx, edges: Collection[Edge], most: int) -> None:
    """Copy what readers' timelines have of authors that they follow now, and push these follows from here on.

    A follow stays pulled when its reader has no timeline, its author is pulled, or has more than `most` posts to copy.
    """
    if not edges:
        return
    await tx.execute(
        "SELECT FROM timeline_reader WHERE reader_id = ANY ($1) ORDER BY reader_id FOR SHARE",
        sorted({edge.follower_id for edge in edges}),
    )
    await tx.execute(
        f"""
        WITH edge AS (
            SELECT follower_id, followee_id, floor_at, floor_number
              FROM {_EDGE.unnest()}
              JOIN follow USING (follower_id, followee_id)
              JOIN timeline_reader ON reader_id = follower_id
             WHERE NOT pushed AND floor_at < 'infinity'
               AND NOT EXISTS (SELECT FROM pulled_author WHERE author_id = followee_id)
        ), recent AS MATERIALIZED (
            SELECT follower_id, followee_id, post_id, published_at, number
              FROM edge
             CROSS JOIN LATERAL (
                   SELECT post_id, published_at, number
                     FROM post
                    WHERE author_id = followee_id AND deleted_at IS NULL
                      AND (published_at, number) > (floor_at, floor_number)
                    ORDER BY published_at DESC, number DESC
                    LIMIT $3 + 1
                   ) AS theirs
        ), few AS MATERIALIZED (
            SELECT follower_id, followee_id
              FROM edge LEFT JOIN recent USING (follower_id, followee_id)
             GROUP BY follower_id, followee_id
            HAVING count(post_id) <= $3
        ), copied AS (
            INSERT INTO timeline_entry (reader_id, published_at, number, post_id)
            SELECT follower_id, published_at, number, post_id
              FROM recent JOIN few USING (follower_id, followee_id)
                ON CONFLICT DO NOTHING
        )
        UPDATE follow SET pushed = true
          FROM few
         WHERE (follow.follower_id, follow.followee_id) = (few.follower_id, few.followee_id)
        """,
        *_EDGE.arrays(sorted(edges)),
        most,
    )


async def forget(tx: Tx, edges: Collection[Edge]) -> None:
    """Drop what readers have of authors whose posts are not copied to them any more."""
    await tx.execute(
        f"""
        DELETE FROM timeline_entry AS entry
         USING {_EDGE.unnest()}
          JOIN timeline_reader ON reader_id = follower_id
          JOIN post ON author_id = followee_id AND (post.published_at, post.number) > (floor_at, floor_number)
         WHERE (entry.reader_id, entry.published_at, entry.number) = (follower_id, post.published_at, post.number)
           AND NOT EXISTS (SELECT FROM follow WHERE pushed AND (follow.follower_id, follow.followee_id)
                                                             = (given.follower_id, given.followee_id))
        """,
        *_EDGE.arrays(sorted(edges)),
    )


async def followers(tx: Reads, author_ids: Iterable[str], most: int) -> dict[str, int]:
    """How many follow authors; counted as far as `most`."""
    rows = await tx.fetch(
        """
        SELECT author_id, (SELECT count(*) FROM (SELECT FROM follow WHERE followee_id = author_id LIMIT $2) AS counted) AS n
          FROM unnest($1::text[]) AS author_id
        """,
        sorted(set(author_ids)),
        most,
    )
    return {row["author_id"]: row["n"] for row in rows}


async def pulled(tx: Reads, author_ids: Iterable[str]) -> set[str]:
    """Which of these authors are pulled."""
    rows = await tx.fetch("SELECT author_id FROM pulled_author WHERE author_id = ANY ($1)", sorted(set(author_ids)))
    return {row["author_id"] for row in rows}


async def save_tiers(tx: Tx, tiers: Mapping[str, Tier]) -> None:
    """Authors are pulled from here on, or no more."""
    names: dict[Tier, list[str]] = {"pull": [], "push": []}
    for author_id, tier in tiers.items():
        names[tier].append(author_id)
    await tx.execute(
        "INSERT INTO pulled_author (author_id) SELECT unnest($1::text[]) ON CONFLICT DO NOTHING", names["pull"]
    )
    await tx.execute("DELETE FROM pulled_author WHERE author_id = ANY ($1)", names["push"])


async def pull(tx: Tx, author_ids: Sequence[str], most: int) -> list[Edge]:
    """Have the next `most` followers of each author read their posts where they are; gives these follows."""
    rows = await tx.fetch(
        """
        UPDATE follow SET pushed = false
          FROM (SELECT author_id, next.follower_id
                  FROM unnest($1::text[]) AS author_id
                 CROSS JOIN LATERAL (
                       SELECT follower_id FROM follow
                        WHERE followee_id = author_id AND pushed
                        ORDER BY follower_id
                        LIMIT $2
                          FOR NO KEY UPDATE
                       ) AS next) AS chunk
         WHERE (follow.follower_id, follow.followee_id) = (chunk.follower_id, author_id)
        RETURNING follow.follower_id, follow.followee_id
        """,
        sorted(set(author_ids)),
        most,
    )
    return [Edge(*row) for row in rows]


async def next_followers(tx: Reads, steps: Sequence[Step], most: int) -> list[Edge]:
    """The next `most` of those who follow authors, each."""
    rows = await tx.fetch(
        f"""
        SELECT next.follower_id, what
          FROM {_STEP.unnest()}
         CROSS JOIN LATERAL (
               SELECT follower_id FROM follow
                WHERE followee_id = what AND follower_id > coalesce(after, '')
                ORDER BY follower_id
                LIMIT $3
               ) AS next
        """,
        *_STEP.arrays(steps),
        most,
    )
    return [Edge(*row) for row in rows]
