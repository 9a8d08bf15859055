"""Accounts block and mute others, and end it; in batches."""

from collections.abc import Sequence
from typing import Final

from lutong_chassis import Answer, Asked, Handlers, Problem, Tx
from lutong_contracts.feed import AccountUnfollowed
from lutong_feed import accounts, on_record
from lutong_feed.apart import domain, store
from lutong_feed.apart.domain import Apart, KeepApart, LetBe

_STATUS: Final = {"not_found": 404, "itself": 422, "too_many": 409}

handlers = Handlers()


@handlers.on(KeepApart)
async def keep_apart(batch: Sequence[Asked[KeepApart]], tx: Tx) -> list[Answer | Problem]:
    """Accounts block or mute others; once is enough. A block ends the follows of both."""
    known = await accounts.known(tx, {name for asked in batch for name in asked.command[:2]})
    counted = await store.count(tx, [asked.command.account_id for asked in batch])
    refusals = [domain.why_not(asked.command, known, counted) for asked in batch]
    ended = await store.keep(tx, [Apart(*a.command) for a, why in zip(batch, refusals, strict=True) if not why])
    tx.publish(*accounts.changes(ended, AccountUnfollowed))
    return [
        Problem(_STATUS[why.kind], why.kind, why.detail) if why else _done(asked, "add")
        for asked, why in zip(batch, refusals, strict=True)
    ]


@handlers.on(LetBe)
async def let_be(batch: Sequence[Asked[LetBe]], tx: Tx) -> list[Answer | Problem]:
    """Accounts block or mute others no more."""
    await store.let_be(tx, [Apart(*asked.command) for asked in batch])
    return [_done(asked, "remove") for asked in batch]


def _done(asked: Asked[KeepApart] | Asked[LetBe], verb: str) -> Answer:
    account_id, other_id, kind = asked.command
    record = on_record.apart(f"{kind}.{verb}", account_id, other_id)
    return Answer(None, record=[record] if asked.who.is_staff else ())
