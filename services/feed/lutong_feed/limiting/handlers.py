"""Posts are limited, and one event follows each change."""

from collections.abc import Sequence
from typing import Final

from lutong_chassis import Answer, Asked, Cause, Handlers, Problem, Tx
from lutong_chassis.audit import Change
from lutong_contracts.feed import PostLimited
from lutong_feed.domain import Refusal
from lutong_feed.limiting import domain, store
from lutong_feed.limiting.domain import LimitedPost, LimitPost
from lutong_feed.limiting.store import AudienceRow

_STATUS: Final = {"not_found": 404, "deleted": 410}

handlers = Handlers()


@handlers.on(LimitPost)
async def limit_posts(batch: Sequence[Asked[LimitPost]], tx: Tx) -> list[Answer | Problem]:
    """Authors, or operators, change who sees posts, one after the other."""
    posts = await store.lock(tx, (asked.command.post_id for asked in batch))
    answers: list[Answer | Problem] = []
    for asked in batch:
        before = posts.get(asked.command.post_id)
        may = before is not None and (asked.who.is_staff or asked.who.member_id == before.author_id)
        after = domain.limit(asked.command, before, may=may)
        if isinstance(after, Refusal):
            answers.append(Problem(_STATUS[after.kind], after.kind, after.detail))
            continue
        posts[after.post_id] = after
        answers.append(_limited(asked, after, changed=after != before))
    await store.save(tx, [AudienceRow(each.post_id, each.audience) for each in posts.values() if not each.deleted])
    return answers


def _limited(asked: Asked[LimitPost], post: LimitedPost, *, changed: bool) -> Answer:
    body = {"post_id": post.post_id, "audience": post.audience}
    if not changed:
        return Answer(body, changed=False)
    event = PostLimited(post_id=post.post_id, author_id=post.author_id, audience=post.audience)
    record = [Change("post.limit", f"post:{post.post_id}", after={"audience": post.audience})]
    return Answer(
        body,
        [asked.causes(event, Cause(post.correlation_id, post.causation_id))],
        record if asked.who.is_staff else [],
    )
