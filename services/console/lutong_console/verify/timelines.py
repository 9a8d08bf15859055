"""Timelines: V27 what is kept of a timeline is what its reader would read from the posts."""

from collections.abc import Iterator
from typing import Final

from lutong_console.verify.violation import Violation
from lutong_console.verify.world import World

_FINDINGS: Final = {
    "the copy of this post is missing": """
        SELECT follow.reader_id, post.post_id AS what
          FROM feed.follow
         CROSS JOIN feed.timeline_reader AS reader ON reader.reader_id = follow.reader_id
         CROSS JOIN feed.post ON post.author_id = follow.author_id
         WHERE post.fanned AND NOT post.is_deleted AND (post.place, post.number) > (reader.floor, reader.floor_number)
           AND NOT EXISTS (SELECT 1 FROM feed.timeline_entry AS entry
                            WHERE entry.reader_id = follow.reader_id AND entry.post_id = post.post_id)""",
    "this post is copied twice": """
        SELECT reader_id, post_id AS what FROM feed.timeline_entry GROUP BY reader_id, post_id HAVING count(*) > 1""",
    "this post has another place in the copy": """
        SELECT entry.reader_id, entry.post_id AS what
          FROM feed.timeline_entry AS entry
         CROSS JOIN feed.post ON post.post_id = entry.post_id
         WHERE (entry.place, entry.number) <> (post.place, post.number)""",
    "this post is copied, and does not exist": """
        SELECT reader_id, post_id AS what FROM feed.timeline_entry
         WHERE NOT EXISTS (SELECT 1 FROM feed.post WHERE post.post_id = timeline_entry.post_id)""",
    "this author is read from a copy that is not there": """
        SELECT reader_id, author_id AS what FROM feed.follow
         WHERE NOT EXISTS (SELECT 1 FROM feed.timeline_reader AS reader WHERE reader.reader_id = follow.reader_id)""",
}


def push_is_pull(world: World) -> Iterator[Violation]:
    """V27: above its floor the copy of a timeline has every post of the authors whose follows are pushed, once, in its place.

    What is on its way to the copies is read from the posts meanwhile, and what is left over of an author who is followed no more is
    not read: neither is wrong.
    """
    for what, sql in _FINDINGS.items():
        for row in world.select(sql):
            yield Violation("V27", f"{what}: {row['what']}", f"timeline {row['reader_id']}")
