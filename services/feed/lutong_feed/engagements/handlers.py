"""What viewers do with cards: decided in batches, said once, and counted from what was said."""

from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import BaseModel

from lutong_chassis import Answer, Asked, Cause, Handlers, Outgoing, Problem, Received, Tx
from lutong_chassis.audit import Change
from lutong_contracts import Event
from lutong_contracts.feed import CardTapped, ServiceRequested, ServiceSolved
from lutong_feed.bodies import CardView
from lutong_feed.domain import Refusal
from lutong_feed.engagements import domain, store
from lutong_feed.engagements.domain import Engagement, Kind, SolveCard, TapCard, Use

handlers = Handlers()

Command = TapCard | SolveCard


@handlers.on(TapCard)
async def tap_cards(batch: Sequence[Asked[TapCard]], tx: Tx) -> list[Answer | Problem]:
    """Viewers open the mini-program from a card; the answer says which page of which version."""
    outcomes = await _use(batch, "tap", tx)
    return [
        _tapped(asked, each) if isinstance(each, Use) else _refused(each)
        for asked, each in zip(batch, outcomes, strict=True)
    ]


@handlers.on(SolveCard)
async def solve_cards(batch: Sequence[Asked[SolveCard]], tx: Tx) -> list[Answer | Problem]:
    """Viewers got done what the post was about."""
    outcomes = await _use(batch, "solve", tx)
    return [
        _solved(asked, each) if isinstance(each, Use) else _refused(each)
        for asked, each in zip(batch, outcomes, strict=True)
    ]


@handlers.on(CardTapped)
async def count_taps(batch: Sequence[Received[CardTapped]], tx: Tx) -> list[Outgoing]:
    """We said that cards were opened: count it on their posts."""
    await store.count(tx, "taps", [received.event.post_id for received in batch])
    return []


@handlers.on(ServiceSolved)
async def count_solved(batch: Sequence[Received[ServiceSolved]], tx: Tx) -> list[Outgoing]:
    """We said that services were used: count it on their posts."""
    await store.count(tx, "solved", [received.event.post_id for received in batch])
    return []


@handlers.on(ServiceRequested)
async def count_requests(batch: Sequence[Received[ServiceRequested]], tx: Tx) -> list[Outgoing]:
    """We said that services were asked for: count it on their posts."""
    await store.count(tx, "requested", [received.event.post_id for received in batch])
    return []


async def _use(batch: Sequence[Asked[Command]], kind: Kind, tx: Tx) -> list[Use | Refusal]:
    wanted = [Engagement(asked.command.post_id, asked.command.viewer_id, kind) for asked in batch]
    found = await store.find(tx, [(each.post_id, each.viewer_id) for each in wanted])
    cards = [domain.usable(each, there) for each, there in zip(wanted, found, strict=True)]
    new = await store.engage(
        tx, [each for each, card in zip(wanted, cards, strict=True) if not isinstance(card, Refusal)]
    )
    return domain.decided(wanted, cards, new)


def _tapped(asked: Asked[TapCard], use: Use) -> Answer:
    post_id, viewer_id = asked.command
    shown = use.card.shown
    view = CardView(**{name: getattr(shown, name) for name in CardView.model_fields})
    said = CardTapped(viewer_id=viewer_id, post_id=post_id, program_id=use.card.program_id, version=use.card.version)
    return _answer(asked, use, view, said, "card.tap")


def _solved(asked: Asked[SolveCard], use: Use) -> Answer:
    post_id, viewer_id = asked.command
    said = ServiceSolved(viewer_id=viewer_id, post_id=post_id, program_id=use.card.program_id)
    return _answer(asked, use, {"post_id": post_id}, said, "card.solve")


def _answer(asked: Asked[Command], use: Use, body: BaseModel | Mapping[str, Any], said: Event, action: str) -> Answer:
    """The same answer each time; what is said and recorded only for the first. It continues the journey of the post."""
    if not use.first:
        return Answer(body, changed=False)
    cause = Cause(use.card.shown.correlation_id, use.card.shown.causation_id)
    change = Change(action, f"post:{asked.command.post_id}", after={"viewer_id": asked.command.viewer_id})
    return Answer(body, [asked.causes(said, cause)], [change] if asked.who.is_staff else [])


def _refused(refusal: Refusal) -> Problem:
    status = 404 if refusal.kind == "not_found" else 409
    more = {"reason": refusal.reason} if refusal.reason else {}
    return Problem(status, refusal.kind, refusal.detail, None, **more)
