"""Interactions: believed at once, published as one event per report, kept and counted when that is consumed."""

from collections.abc import Sequence
from typing import Final

from lutong_chassis import Answer, Asked, Handlers, Outgoing, Problem, Received, Tx
from lutong_chassis.audit import Change
from lutong_chassis.http.accepting import Sent
from lutong_chassis.settings import settings_of
from lutong_contracts.feed import Interaction, InteractionsReported
from lutong_feed.attribution.handlers import credit_again
from lutong_feed.deleting import store as deletions
from lutong_feed.domain import Refusal
from lutong_feed.interactions import domain, store
from lutong_feed.interactions.bodies import RefusedView, ReportView
from lutong_feed.interactions.domain import Report, ReportInteractions
from lutong_feed.interactions.store import InteractionRow
from lutong_feed.offers.handlers import expose
from lutong_feed.offers.store import Seen
from lutong_feed.promotions.domain import PLACES, Impression
from lutong_feed.promotions.handlers import count_paid
from lutong_feed.settings import FeedSettings
from lutong_feed.touches import store as touch_store
from lutong_feed.touches.domain import Check

_LEADS: Final = frozenset({"click", "impression"})  # a tap is on the topic of the orders that follow it
"""What an order can be credited to."""

_SHOWS: Final = frozenset({"impression", "open"})
"""What a card that a viewer saw is reported as."""

handlers = Handlers()


@handlers.on(ReportInteractions)
async def report_interactions(batch: Sequence[Asked[ReportInteractions]], tx: Tx) -> list[Answer | Problem]:
    """Viewers' clients report: nothing is counted here, one event leaves per report. Of posts that are gone nothing counts."""
    deleted = await deletions.deleted(tx, {each.post_id for asked in batch for each in asked.command.believed})
    return [_reported(asked, domain.standing(asked.command, deleted)) for asked in batch]


@handlers.on(InteractionsReported)
async def count_interactions(batch: Sequence[Received[InteractionsReported]], tx: Tx) -> list[Outgoing]:
    """Items were seen, opened, tapped or not wanted: keep each as a fact once, and count it."""
    rows = [row for r in batch for row in store.rows_of(r.event.interactions, r.time)]
    await store.keep(tx, rows)
    if leads := [row for row in rows if row.kind in _LEADS and row.program_id]:
        await credit_again(tx, {row.viewer_id for row in leads}, min(row.happened_at for row in leads))
    exposed = await expose(tx, _seen(rows))
    paid = await count_paid(tx, _paid_for(rows))
    return [batch[-1].causes(event) for event in (*exposed, *paid)]


def _paid_for(rows: Sequence[InteractionRow]) -> list[Impression]:
    """Impressions in places that programs pay for."""
    return [
        Impression(row.request_id, row.position, PLACES[row.placement], row.program_id, row.viewer_id, row.served_at)
        for row in rows
        if row.kind == "impression" and row.placement in PLACES and row.program_id
    ]


def _seen(rows: Sequence[InteractionRow]) -> list[Seen]:
    """Cards that were seen; one that was opened was, too."""
    return [Seen(row.viewer_id, row.program_id, row.served_at) for row in rows if row.kind in _SHOWS and row.program_id]


async def take_interactions(batch: Sequence[Sent[InteractionsReported]], tx: Tx) -> list[Problem | None]:
    """Take what other systems report for viewers, as an event: all of it must have been served."""
    check = Check(await touch_store.keys(tx), tx.now, settings_of(FeedSettings).interactions_late)
    sifted = [_sifted(sent.event, check) for sent in batch]
    deleted = await deletions.deleted(tx, {each.post_id for reported in sifted for each in reported.believed})
    verdicts: list[Problem | None] = []
    for sent, reported in zip(batch, sifted, strict=True):
        event = sent.event
        refused = domain.standing(reported, deleted).refused
        if not sent.who.acts_for(member=event.viewer_id):
            verdicts.append(Problem(404, "not_found", f"there is no account {event.viewer_id!r}"))
        elif refused:
            place, refusal = refused[0]
            verdicts.append(_refused(refusal, f"interactions/{place}: {refusal.detail}"))
        else:
            tx.publish(event, cause=sent.received.as_cause)
            verdicts.append(None)
    return verdicts


def _sifted(event: InteractionsReported, check: Check) -> ReportInteractions:
    return domain.sifted(event.viewer_id, [Report(each.touch, each.kind) for each in event.interactions], check)


def _reported(asked: Asked[ReportInteractions], reported: ReportInteractions) -> Answer | Problem:
    viewer_id, believed, refused = reported
    if not believed:
        return _refused(refused[0].refusal, refused[0].refusal.detail)
    view = ReportView(
        accepted=len(believed),
        refused=[RefusedView(place=place, code=why.kind, detail=why.detail) for place, why in refused],
    )
    interactions = tuple(Interaction(touch=each.report.touch, kind=each.report.kind) for each in believed)
    event = InteractionsReported(viewer_id=viewer_id, interactions=interactions)
    change = Change("interaction.report", f"account:{viewer_id}", after={"interactions": len(believed)})
    return Answer(view, [asked.causes(event)], [change] if asked.who.is_staff else [])


def _refused(refusal: Refusal, detail: str) -> Problem:
    return Problem(410 if refusal.kind == "deleted" else 422, refusal.kind, detail)
