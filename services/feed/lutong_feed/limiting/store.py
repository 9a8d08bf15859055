"""SQL of audiences."""

from collections.abc import Iterable, Sequence
from typing import Final, NamedTuple

from lutong_chassis import Reads, Tx
from lutong_chassis.rows import columns_of
from lutong_feed.limiting.domain import LimitedPost


class AudienceRow(NamedTuple):
    """Who sees a post."""

    post_id: str
    audience: str


_ROW: Final = columns_of(AudienceRow)


def seen_by(viewer: str, post: str = "post") -> str:
    """Whether a viewer, a parameter or a column, is among those for whom a post is; SQL. True or false also of a viewer who is NULL: nobody
    in particular, for whom is what is for everybody."""
    follows = f"SELECT FROM follow AS theirs WHERE theirs.follower_id = {viewer}::text AND theirs.followee_id = {post}.author_id"
    return f"""({post}.audience = 'everybody' OR {post}.author_id IS NOT DISTINCT FROM {viewer}::text
            OR {post}.audience = 'followers' AND EXISTS ({follows}))"""


async def lock(tx: Tx, post_ids: Iterable[str]) -> dict[str, LimitedPost]:
    """Posts with their audiences, locked in key order."""
    rows = await tx.fetch(
        """
        SELECT post_id, author_id, audience, deleted_at IS NOT NULL AS deleted, correlation_id, causation_id
          FROM post JOIN card USING (post_id)
         WHERE post_id = ANY ($1)
         ORDER BY post_id
           FOR NO KEY UPDATE OF post
        """,
        sorted(set(post_ids)),
    )
    return {row["post_id"]: LimitedPost(*row) for row in rows}


async def save(tx: Tx, rows: Sequence[AudienceRow]) -> None:
    """Give posts their audiences, the last of each."""
    latest = {row.post_id: row for row in rows}
    if not latest:
        return
    await tx.execute(
        f"""
        UPDATE post SET audience = given.audience FROM {_ROW.unnest("given")} WHERE post.post_id = given.post_id
        """,
        *_ROW.arrays([latest[post_id] for post_id in sorted(latest)]),
    )


async def is_limited(tx: Reads, post_id: str, viewer_id: str | None) -> bool:
    """Whether a post is not for a viewer's eyes."""
    found: bool | None = await tx.fetchval(
        f"SELECT NOT {seen_by('$2')} FROM post WHERE post_id = $1", post_id, viewer_id
    )
    return bool(found)
