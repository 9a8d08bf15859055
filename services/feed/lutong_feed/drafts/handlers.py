"""Drafts are written and dropped, in batches; what is scheduled waits as a deadline. publishing/handlers.py publishes them."""

from collections.abc import Sequence
from typing import Final

from lutong_chassis import Answer, Asked, Handlers, Problem, Tx
from lutong_chassis.audit import Change
from lutong_contracts.timelines import DraftDue
from lutong_feed import accounts
from lutong_feed.drafts import domain, store
from lutong_feed.drafts.domain import Draft, DraftName, DropDraft, EraseDrafts, Known, WriteDraft

_STATUS: Final = {"not_found": 404, "post_exists": 409, "too_many_drafts": 409}

handlers = Handlers()


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


@handlers.on(EraseDrafts)
async def erase_drafts(batch: Sequence[Asked[EraseDrafts]], tx: Tx) -> list[Answer | Problem]:
    """Everything that authors have not published is gone, with what was scheduled: its deadline finds nothing. Once is enough."""
    erased = await store.erase(tx, (asked.command.author_id for asked in batch))
    return [_erased(asked, had_some=asked.command.author_id in erased) for asked in batch]


def _erased(asked: Asked[EraseDrafts], *, had_some: bool) -> Answer:
    record = [Change("draft.erase", f"account:{asked.command.author_id}")] if asked.who.is_staff else []
    return Answer(None, record=record, changed=had_some or bool(record))
