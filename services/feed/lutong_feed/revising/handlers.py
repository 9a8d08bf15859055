"""Posts are edited: what they were is kept, and one event follows each edit, after which the registry judges the words anew."""

from collections.abc import Sequence
from typing import Final

from lutong_chassis import Answer, Asked, Cause, Handlers, Problem, Tx
from lutong_contracts.feed import PostRevised
from lutong_feed.domain import Refusal
from lutong_feed.revising import domain, store
from lutong_feed.revising.domain import RevisePost, WrittenPost
from lutong_feed.revising.store import Edit
from lutong_feed.texts.domain import parted

_STATUS: Final = {"not_found": 404, "deleted": 410, "revised_meanwhile": 409, "too_many_revisions": 409}

handlers = Handlers()


@handlers.on(RevisePost)
async def revise_posts(batch: Sequence[Asked[RevisePost]], tx: Tx) -> list[Answer | Problem]:
    """Authors edit posts, one after the other. The card stays as it is until the registry has read the new words."""
    posts = await store.lock(tx, (asked.command.post_id for asked in batch))
    edits: list[Edit] = []
    answers: list[Answer | Problem] = []
    for asked in batch:
        before = posts.get(asked.command.post_id)
        is_author = before is not None and asked.who.member_id == before.author_id
        after = domain.revise(asked.command, before, is_author=is_author)
        if isinstance(after, Refusal):
            answers.append(Problem(_STATUS.get(after.kind, 422), after.kind, after.detail))
            continue
        if before and after != before:
            edits.append(Edit(after.post_id, after.revision, after.text, before.text))
            posts[after.post_id] = after
        answers.append(_revised(asked, after, changed=after != before))
    await store.save(tx, edits)
    return answers


def _revised(asked: Asked[RevisePost], post: WrittenPost, *, changed: bool) -> Answer:
    body = {"post_id": post.post_id, "revision": post.revision}
    if not changed:
        return Answer(body, changed=False)
    facts = {"post_id": post.post_id, "author_id": post.author_id, "revision": post.revision}
    event = PostRevised(**facts, **parted(post.text)._asdict(), program_id=post.program_id)
    return Answer(body, [asked.causes(event, Cause(post.correlation_id, post.causation_id))])
