"""Drafts are written, dropped and published, in batches; what is scheduled waits as a deadline, and is published by the time of the server."""

from collections.abc import Sequence
from typing import Final, NamedTuple

from lutong_chassis import Answer, Asked, Cause, Handlers, Outgoing, Problem, Received, Tx
from lutong_contracts.timelines import DraftDue
from lutong_feed import accounts
from lutong_feed.drafts import domain, store
from lutong_feed.drafts.domain import Draft, DraftName, DropDraft, Known, PublishDraft, WriteDraft
from lutong_feed.drafts.store import RefusedDraft
from lutong_feed.publishing.handlers import OnJourney, publish

_STATUS: Final = {"not_found": 404, "post_exists": 409, "too_many_drafts": 409}

handlers = Handlers()


class Ready(NamedTuple):
    """A draft to publish, and what it follows from."""

    draft: Draft
    cause: Cause


@handlers.on(WriteDraft)
async def write_drafts(batch: Sequence[Asked[WriteDraft]], tx: Tx) -> list[Answer | Problem]:
    """Authors write drafts, or write them anew. One with a time waits for it; what it waited for before counts no more."""
    wanted = [asked.command.draft for asked in batch]
    authors = {draft.author_id for draft in wanted}
    drafts = await store.names(tx, authors)
    known = Known(await accounts.known(tx, authors), await store.posts(tx, (d.draft_id for d in wanted)), drafts)
    kept: list[Draft] = []
    answers: list[Answer | Problem] = []
    for asked in batch:
        draft = asked.command.draft
        if why := domain.why_not_kept(draft, known, tx.now):
            answers.append(Problem(_STATUS.get(why.kind, 422), why.kind, why.detail))
            continue
        kept.append(draft)
        drafts.setdefault(draft.author_id, set()).add(draft.draft_id)
        if draft.publish_at:
            due = DraftDue(author_id=draft.author_id, draft_id=draft.draft_id, publish_at=draft.publish_at)
            tx.publish(due, cause=asked.cause, due_at=draft.publish_at)
        answers.append(Answer({"draft_id": draft.draft_id}))
    await store.save(tx, kept)
    return answers


@handlers.on(DropDraft)
async def drop_drafts(batch: Sequence[Asked[DropDraft]], tx: Tx) -> list[Answer | Problem]:
    """Authors drop drafts; once is enough."""
    dropped = await store.drop(tx, [DraftName(*asked.command) for asked in batch])
    return [Answer(None, changed=DraftName(*asked.command) in dropped) for asked in batch]


@handlers.on(PublishDraft)
async def publish_drafts(batch: Sequence[Asked[PublishDraft]], tx: Tx) -> list[Answer | Problem]:
    """Authors publish drafts now, whatever time they were scheduled for."""
    drafts = await store.lock(tx, [DraftName(*asked.command) for asked in batch])
    first = {DraftName(*asked.command): asked for asked in reversed(batch)}
    ready = [Ready(draft, first[name].cause) for name, draft in drafts.items()]
    verdicts = dict(zip(drafts, await _publish(tx, ready), strict=True))
    return [
        _answered(asked, verdicts.get(name), is_first=first[name] is asked and name in drafts)
        for asked in batch
        for name in [DraftName(*asked.command)]
    ]


def _answered(asked: Asked[PublishDraft], refusal: Problem | None, *, is_first: bool) -> Answer | Problem:
    draft_id = asked.command.draft_id
    if not is_first:
        return Problem(404, "not_found", f"there is no draft {draft_id!r}")
    return refusal or Answer({"post_id": draft_id, "journey": asked.cause.correlation_id})


@handlers.on(DraftDue)
async def publish_scheduled(batch: Sequence[Received[DraftDue]], tx: Tx) -> list[Outgoing]:
    """The time of drafts has come: those that are still scheduled for it are published, once, however late. What is refused waits."""
    due = {DraftName(each.event.author_id, each.event.draft_id): each for each in batch}
    drafts = await store.lock(tx, due)
    at = {name: each.event.publish_at for name, each in due.items()}
    ready = [Ready(draft, due[name].cause) for name, draft in drafts.items() if draft.publish_at == at[name]]
    verdicts = zip(ready, await _publish(tx, ready), strict=True)
    await store.refuse(tx, [RefusedDraft(*each.draft.name, why.kind) for each, why in verdicts if why])
    return []


async def _publish(tx: Tx, ready: Sequence[Ready]) -> list[Problem | None]:
    """Publish drafts; those that are published are drafts no more. Gives for each why it is not."""
    verdicts = await publish(tx, [OnJourney(each.draft.as_post, each.cause) for each in ready])
    await store.drop(tx, [each.draft.name for each, why in zip(ready, verdicts, strict=True) if not why])
    return verdicts
