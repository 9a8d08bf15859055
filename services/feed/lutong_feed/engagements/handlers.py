"""What viewers do with cards: decided in batches, published once, and counted from the published events."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from pydantic import BaseModel

from lutong_chassis import Answer, Asked, Cause, Handlers, Outgoing, Problem, Received, Tx
from lutong_chassis.audit import Change
from lutong_contracts import Event
from lutong_contracts.feed import (
    CardTapped,
    Interaction,
    InteractionsReported,
    RequestCancelled,
    ServiceRequested,
    ServiceSolved,
)
from lutong_contracts.gray import Viewing
from lutong_contracts.hosts import OnHost
from lutong_contracts.touches import read
from lutong_feed import on_record
from lutong_feed.attribution.handlers import credit_orders
from lutong_feed.bindings import store as binding_store
from lutong_feed.domain import Refusal
from lutong_feed.engagements import domain, facts, store
from lutong_feed.engagements.domain import (
    Accepted,
    CancelRequest,
    Engagement,
    Found,
    Kind,
    RequestRow,
    RequestService,
    SolveCard,
    TapCard,
    Use,
)
from lutong_feed.hosts import store as host_store
from lutong_feed.interactions import store as interaction_store
from lutong_feed.interactions.store import InteractionRow
from lutong_feed.views import CardView, RequestView

_STATUS: Final = {"not_found": 404, "deleted": 410, "not_offered": 422, "bad_total": 422, "mixed_order": 422}

handlers = Handlers()

Command = TapCard | SolveCard


@handlers.on(TapCard)
async def tap_cards(batch: Sequence[Asked[TapCard]], tx: Tx) -> list[Answer | Problem]:
    """Viewers open the mini-program from a card; the answer has the page and its version."""
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


@handlers.on(RequestService)
async def request_services(batch: Sequence[Asked[RequestService]], tx: Tx) -> list[Answer | Problem]:
    """Viewers join the light membership on credit and order, in one go."""
    found = await _find(tx, [asked.command for asked in batch])
    named = (each.card.program_id for each in found if each.card and each.card.program_id)
    programs = await store.programs(tx, named)
    members = await binding_store.members_of(tx, (asked.command.viewer_id for asked in batch))
    decided = [domain.accept(asked.command, there, programs) for asked, there in zip(batch, found, strict=True)]
    answers = [
        _refused(each) if isinstance(each, Refusal) else _placed(asked, each, members.get(asked.command.viewer_id))
        for asked, each in zip(batch, decided, strict=True)
    ]
    await store.save_requests(
        tx, [event for answer in answers if isinstance(answer, Answer) for event in answer.events]
    )
    return answers


@handlers.on(CancelRequest)
async def cancel_requests(batch: Sequence[Asked[CancelRequest]], tx: Tx) -> list[Answer | Problem]:
    """Viewers ask to cancel; it takes effect unless the goods have left."""
    rows = await store.requests(tx, (asked.command.order_id for asked in batch))
    decided = [domain.cancel(asked.command, rows.get(asked.command.order_id)) for asked in batch]
    return [
        _refused(each) if isinstance(each, Refusal) else _cancelled(asked, each)
        for asked, each in zip(batch, decided, strict=True)
    ]


@handlers.on(CardTapped)
async def count_taps(batch: Sequence[Received[CardTapped]], tx: Tx) -> list[Outgoing]:
    """Cards were opened: count it on their posts."""
    await facts.keep(tx, "tap", batch)
    await interaction_store.keep(tx, [row for r in batch if (row := _tap(r)) is not None])
    await _count(tx, "taps", [Engagement(r.event.post_id, r.event.viewer_id, "tap") for r in batch])
    return []


@handlers.on(ServiceSolved)
async def count_solved(batch: Sequence[Received[ServiceSolved]], tx: Tx) -> list[Outgoing]:
    """Services were used: count it on their posts."""
    await facts.keep(tx, "solve", batch)
    await _count(tx, "solved", [Engagement(r.event.post_id, r.event.viewer_id, "solve") for r in batch])
    return []


@handlers.on(ServiceRequested)
async def count_requests(batch: Sequence[Received[ServiceRequested]], tx: Tx) -> list[Outgoing]:
    """Services were requested: count it on their posts."""
    await facts.keep(tx, "request", batch)
    await credit_orders(tx, batch)
    fresh = await store.take_uncounted_requests(tx, [received.event.order_id for received in batch])
    await store.count(tx, "requested", fresh)
    return []


@handlers.on(RequestCancelled)
async def keep_cancellations(batch: Sequence[Received[RequestCancelled]], tx: Tx) -> list[Outgoing]:
    """Viewers wanted to cancel: keep it as a fact. Inventory publishes whether it took effect."""
    await facts.keep_cancelled(tx, batch)
    return []


def _tap(received: Received[CardTapped]) -> InteractionRow | None:
    """A tap from an item that was served is an interaction with it. The tap knows its program, also where the item did not yet."""
    tapped = received.event
    served = read(tapped.touch) if tapped.touch else None
    if served is None:
        return None
    known = served._replace(program_id=served.program_id or tapped.program_id)
    return interaction_store.row_of(known, "tap", received.time)


async def _count(tx: Tx, counter: store.Counter, published: Sequence[Engagement]) -> None:
    """Count what the release before has not counted itself: it may still run."""
    await store.count(tx, counter, await store.take_uncounted(tx, published))


async def _use(batch: Sequence[Asked[Command]], kind: Kind, tx: Tx) -> list[Use | Refusal]:
    wanted = [Engagement(asked.command.post_id, asked.command.viewer_id, kind) for asked in batch]
    found = await _find(tx, [asked.command for asked in batch])
    viewings = [_viewing(asked.command, there) for asked, there in zip(batch, found, strict=True)]
    cards = [domain.usable(*each) for each in zip((each.post_id for each in wanted), viewings, found, strict=True)]
    new = await store.engage(
        tx, [each for each, card in zip(wanted, cards, strict=True) if not isinstance(card, Refusal)]
    )
    return domain.decided(wanted, cards, new)


async def _find(tx: Tx, commands: Sequence[Command | RequestService]) -> list[Found]:
    """What commands name: posts, viewers, and the apps that these are in."""
    found = await store.find(tx, [store.Named(each.post_id, each.viewer_id) for each in commands])
    places = [(each.host, each.platform) if not isinstance(each, SolveCard) else (None, 0) for each in commands]
    hosts = await host_store.hosts(tx, (host for host, _ in places))
    return [
        there._replace(on=OnHost(hosts.get(host), platform) if host else None)
        for there, (host, platform) in zip(found, places, strict=True)
    ]


def _viewing(command: Command, found: Found) -> Viewing:
    where = (command.region, command.device) if isinstance(command, TapCard) else (None, None)
    return Viewing(command.viewer_id, *where, found.on)


def _tapped(asked: Asked[TapCard], use: Use) -> Answer:
    post_id, viewer_id, touch, *_ = asked.command
    shown = use.card.shown
    view = CardView(**{name: getattr(shown, name) for name in CardView.model_fields if name not in {"live", "blocked"}})
    if not use.first and touch:
        return _answer(asked, use, view, _clicked(viewer_id, touch), "card.tap")
    facts = {
        "program_id": use.card.program_id,
        "version": use.card.version,
        "touch": touch,
        **_opened_in(asked.command, use),
    }
    event = CardTapped(viewer_id=viewer_id, post_id=post_id, **facts) if use.first else None
    return _answer(asked, use, view, event, "card.tap")


def _opened_in(command: TapCard, use: Use) -> dict[str, str | None]:
    """The app that a card was opened in, and the place of it, of those that are registered."""
    facts = use.card.on.facts if use.card.on else None
    scenes = {scene.scene_id for scene in facts.scenes} if facts else set()
    return {
        "host_id": facts.host_id if facts else None,
        "scene_id": command.scene if command.scene in scenes else None,
    }


def _clicked(viewer_id: str, touch: str) -> InteractionsReported:
    """A card that its viewer tapped before, from another item: no tap to count, and a click that may lead to an order."""
    return InteractionsReported(viewer_id=viewer_id, interactions=(Interaction(touch=touch, kind="click"),))


def _solved(asked: Asked[SolveCard], use: Use) -> Answer:
    post_id, viewer_id = asked.command
    event = ServiceSolved(viewer_id=viewer_id, post_id=post_id, program_id=use.card.program_id) if use.first else None
    return _answer(asked, use, {"post_id": post_id}, event, "card.solve")


def _answer(
    asked: Asked[Command], use: Use, body: BaseModel | Mapping[str, Any], event: Event | None, action: str
) -> Answer:
    """The same answer each time; the audit only where something is published. It continues the journey of the post."""
    if event is None:
        return Answer(body, changed=False)
    cause = Cause(use.card.shown.correlation_id, use.card.shown.causation_id)
    change = Change(action, f"post:{asked.command.post_id}", after={"viewer_id": asked.command.viewer_id})
    return Answer(body, [asked.causes(event, cause)], [change] if asked.who.is_staff else [])


def _refused(refusal: Refusal) -> Problem:
    status = _STATUS.get(refusal.kind, 409)
    more = {"reason": refusal.reason} if refusal.reason else {}
    return Problem(status, refusal.kind, refusal.detail, None, **more)


def view(row: RequestRow) -> RequestView:
    """A request as its viewer sees it."""
    return RequestView(**{name: getattr(row, name) for name in RequestView.model_fields})


def _placed(asked: Asked[RequestService], accepted: Accepted, member_id: str | None) -> Answer:
    """A new order, for the member that the viewer is bound to. It continues the journey of the post."""
    wanted, (card, program, priced) = asked.command, accepted
    event = ServiceRequested(
        viewer_id=wanted.viewer_id,
        order_id=asked.new_id(),
        post_id=wanted.post_id,
        program_id=program.program_id,
        merchant_id=program.merchant_id,
        lines=priced.lines,
        total=priced.total,
        destination=wanted.destination,
        mode=wanted.mode,
        coupon_id=wanted.coupon_id,
        member_id=member_id,
        slot_hold_id=wanted.slot_hold_id,
        flagship_ok=wanted.flagship_ok,
        address_id=wanted.address_id,
        sold_by=wanted.sold_by,
        touch=wanted.touch,
        version=program.version,
        provided=priced.provided,
        offers_of=program.offers_of,
    )
    shown = RequestView(
        order_id=event.order_id, post_id=event.post_id, status="requested", reason=None, location_id=None,
        location_kind=None, total_minor=event.total.amount_minor, currency=event.total.currency,
    )  # fmt: skip
    outgoing = asked.causes(event, Cause(card.correlation_id, card.causation_id))
    return Answer(shown, [outgoing], [on_record.request_placed(event)] if asked.who.is_staff else [])


def _cancelled(asked: Asked[CancelRequest], request: RequestRow) -> Answer:
    event = RequestCancelled(viewer_id=request.viewer_id, order_id=request.order_id)
    record = [Change("request.cancel", f"order:{request.order_id}")] if asked.who.is_staff else []
    return Answer(view(request), [asked.causes(event, Cause(request.correlation_id))], record)
