"""Posts that were deleted: V24 what was deleted is gone from tables, and was published as deleted once."""

from collections.abc import Iterator
from typing import Final

from lutong_console.verify.joining import Group
from lutong_console.verify.retention import Retention
from lutong_console.verify.violation import Violation
from lutong_console.verify.world import World

_TOPIC: Final = "lutong.feed.posts"
_DELETED: Final = "lutong.feed.post-deleted.v1"


def deleted_is_gone(world: World) -> Iterator[Violation]:
    """V24: of a post that was deleted no table of the feed has text or program, its card is off, and it leads nowhere in the registry.

    Posts are deleted in the feed and on its topic alike, once; what the topic dropped meanwhile is excused.
    """
    aged = Retention(world).has_aged(_TOPIC)
    posts = world.by(
        "post_id",
        post="SELECT * FROM feed.post WHERE is_deleted ORDER BY post_id",
        card="SELECT * FROM feed.card ORDER BY post_id",
        discovery="SELECT * FROM registry.discovery ORDER BY post_id",
        event=f"""
            SELECT key AS post_id, count(DISTINCT event_id) AS times FROM record
             WHERE type = '{_DELETED}' AND source = '/lutong/feed' GROUP BY key ORDER BY key""",
    )
    for post_id, of in posts:
        event = of.one("event")
        times = event["times"] if event else 0
        for what in _wrong(of, times, aged=aged):
            yield Violation("V24", what, f"post {post_id}")


def _wrong(of: Group, times: int, *, aged: bool) -> Iterator[str]:
    post, card, discovery = of.one("post"), of.one("card"), of.one("discovery")
    if post is None:
        if times:
            yield "it was published as deleted, and stands"
        return
    if times != 1 and not (aged and times == 0):
        yield f"it was deleted, and published as deleted {times} times"
    if post["is_readable"]:
        yield "it was deleted, and its text or program is still there"
    if card and (card["state"] != "unavailable" or card["program_id"]):
        yield f"it was deleted, and its card is {card['state']}"
    if discovery and discovery["program_id"]:
        yield "it was deleted, and the registry still leads it to a program"
