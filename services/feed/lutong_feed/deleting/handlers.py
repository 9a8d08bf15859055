"""Posts are deleted: their text and card are gone at once, and one event follows."""

from collections.abc import Sequence
from typing import Final

from lutong_chassis import Answer, Asked, Cause, Handlers, Problem, Tx
from lutong_contracts.feed import PostDeleted
from lutong_feed import on_record
from lutong_feed.deleting import domain, store
from lutong_feed.deleting.domain import By, DeletePost, StandingPost, Tombstone
from lutong_feed.domain import Refusal

_STATUS: Final = {"not_found": 404, "reason_missing": 422}

handlers = Handlers()


@handlers.on(DeletePost)
async def delete_posts(batch: Sequence[Asked[DeletePost]], tx: Tx) -> list[Answer | Problem]:
    """Authors, or operators, delete posts. What was counted stays counted; of two who delete one, the first does."""
    posts = await store.lock(tx, (asked.command.post_id for asked in batch))
    buried: dict[str, Tombstone] = {}
    answers: list[Answer | Problem] = []
    for asked in batch:
        post = posts.get(asked.command.post_id)
        outcome = domain.decide(asked.command, _by(asked, post), post)
        if isinstance(outcome, Refusal):
            answers.append(Problem(_STATUS[outcome.kind], outcome.kind, outcome.detail))
        elif post is None or outcome is None or outcome.post_id in buried:
            answers.append(Answer(None, changed=False))
        else:
            buried[outcome.post_id] = outcome
            answers.append(_deleted(asked, outcome, post))
    await store.bury(tx, list(buried.values()))
    return answers


def _by(asked: Asked[DeletePost], post: StandingPost | None) -> By | None:
    if asked.who.is_staff:
        return "operator"
    return "author" if post and asked.who.acts_for(member=post.author_id) else None


def _deleted(asked: Asked[DeletePost], tombstone: Tombstone, post: StandingPost) -> Answer:
    event = PostDeleted(**tombstone._asdict())
    record = [on_record.post_deleted(tombstone.post_id, tombstone.by, tombstone.reason)] if asked.who.is_staff else []
    return Answer(None, [asked.causes(event, Cause(post.correlation_id, post.causation_id))], record)
