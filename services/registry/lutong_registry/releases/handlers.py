"""What comes of taps and orders: programs are used, and a version in gray that does worse than its control is taken back."""

from collections.abc import Iterable, Iterator, Mapping, Sequence

from lutong_chassis import Handlers, Outgoing, Received, Tx
from lutong_contracts.feed import CardTapped, ServiceRequested
from lutong_contracts.inventory import LocationDeclined, OrderFulfilled, OrderRefunded, OrderRejected
from lutong_registry.programs import moves
from lutong_registry.programs import store as program_store
from lutong_registry.programs.domain import Change
from lutong_registry.rankings import store as ranking_store
from lutong_registry.rankings.domain import day_of
from lutong_registry.rankings.store import Opened
from lutong_registry.releases import domain, guardrails, trials
from lutong_registry.releases.guardrails import REASONS, SHORT_OF_GOODS
from lutong_registry.releases.trials import Counted, OrderRow, TapRow, Watched
from lutong_registry.usage import store as use_store

handlers = Handlers()

Used = Received[CardTapped] | Received[ServiceRequested]
OfOrder = Received[OrderFulfilled] | Received[OrderRejected] | Received[OrderRefunded] | Received[LocationDeclined]


@handlers.on(CardTapped)
async def count_opened(batch: Sequence[Received[CardTapped]], tx: Tx) -> list[Outgoing]:
    """A viewer opened a program: count it, and watch whether they order, if a version is in gray."""
    await use_store.count_usage(tx, batch, "opened")
    await ranking_store.keep_active(tx, _opened(batch), day_of(tx.now))
    watching = await trials.watched(tx, (received.event.program_id for received in batch))
    if not watching:
        return []
    tapped = await trials.add_taps(tx, list(_taps(batch, watching)))
    return await _judge(tx, batch, await trials.count_trials(tx, "conversion", tapped))


@handlers.on(ServiceRequested)
async def watch_orders(batch: Sequence[Received[ServiceRequested]], tx: Tx) -> list[Outgoing]:
    """A viewer ordered from a program of which a version is in gray: their tap led to it, and more will be known of the order."""
    watching = await trials.watched(tx, (received.event.program_id for received in batch))
    if not watching:
        return []
    ordered = await trials.take_taps(tx, list(_taps(batch, watching)))
    placed = await trials.add_orders(tx, list(_orders(batch, watching)))
    counted = [
        *await trials.count_hits(tx, "conversion", ordered),
        *await trials.count_trials(tx, "rejections", placed),
        *await trials.count_trials(tx, "short_picks", placed),
    ]
    return await _judge(tx, batch, counted)


@handlers.on(OrderFulfilled)
async def count_fulfilled(batch: Sequence[Received[OrderFulfilled]], tx: Tx) -> list[Outgoing]:
    """An order from a program reached its member: count it. From now on it may be refunded."""
    await use_store.count_usage(tx, batch, "fulfilled")
    watching = await trials.watched_orders(tx, _order_ids(batch))
    fulfilled = await trials.mark_orders(tx, "fulfilled", _order_ids(batch), watching) if watching else []
    return await _judge(tx, batch, await trials.count_trials(tx, "refunds", fulfilled))


@handlers.on(OrderRejected)
async def watch_rejections(batch: Sequence[Received[OrderRejected]], tx: Tx) -> list[Outgoing]:
    """Nobody can serve an order: a version that sells what is nowhere has more of these."""
    watching = await trials.watched_orders(tx, _order_ids(batch))
    rejected = await trials.mark_orders(tx, "rejected", _order_ids(batch), watching) if watching else []
    return await _judge(tx, batch, await trials.count_hits(tx, "rejections", rejected))


@handlers.on(LocationDeclined)
async def watch_short_picks(batch: Sequence[Received[LocationDeclined]], tx: Tx) -> list[Outgoing]:
    """A location has less of the goods of an order than was counted."""
    short_of = [received.event.order_id for received in batch if received.event.reason in SHORT_OF_GOODS]
    watching = await trials.watched_orders(tx, short_of)
    short = await trials.mark_orders(tx, "short", short_of, watching) if watching else []
    return await _judge(tx, batch, await trials.count_hits(tx, "short_picks", short))


@handlers.on(OrderRefunded)
async def watch_refunds(batch: Sequence[Received[OrderRefunded]], tx: Tx) -> list[Outgoing]:
    """Something of an order was taken back, or all of it: once for each order."""
    watching = await trials.watched_orders(tx, _order_ids(batch))
    refunded = await trials.mark_orders(tx, "refunded", _order_ids(batch), watching) if watching else []
    return await _judge(tx, batch, await trials.count_hits(tx, "refunds", refunded))


def _opened(batch: Sequence[Received[CardTapped]]) -> Iterator[Opened]:
    for received in batch:
        yield Opened(received.event.program_id, received.event.viewer_id, day_of(received.time), received.time)


def _order_ids(batch: Sequence[OfOrder]) -> list[str]:
    return [received.event.order_id for received in batch]


def _taps(batch: Iterable[Used], watching: Mapping[str, Watched]) -> Iterator[TapRow]:
    for event in (received.event for received in batch):
        watch = watching.get(event.program_id)
        in_gray = watch and watch.is_in_gray(event.version)
        if watch is not None and in_gray is not None:
            key = watch.key(event.post_id, event.viewer_id)
            yield TapRow(watch.program_id, watch.number, key, watch.stage, in_gray)


def _orders(batch: Iterable[Received[ServiceRequested]], watching: Mapping[str, Watched]) -> Iterator[OrderRow]:
    for event in (received.event for received in batch):
        watch = watching.get(event.program_id)
        in_gray = watch and watch.is_in_gray(event.version)
        if watch is not None and in_gray is not None:
            yield OrderRow(event.order_id, watch.program_id, watch.number, watch.stage, in_gray)


async def _judge(tx: Tx, batch: Sequence[Used | OfOrder], counted: Sequence[Counted]) -> list[Outgoing]:
    """Take versions back that do worse than their control, each for the first reason there is."""
    found = [(each, evidence) for each in counted if (evidence := guardrails.judge(each.measured))]
    if not found:
        return []
    programs = await program_store.lock_programs(tx, [each.program_id for each, _ in found])
    stopped: dict[str, Change] = {}
    for each, evidence in found:
        program = programs[each.program_id]
        version = program.in_flight
        if version is None or version.number != each.number or each.program_id in stopped:
            continue
        change = domain.stop(program, "guardrail", REASONS[each.measured.metric], evidence)
        if isinstance(change, Change):
            stopped[each.program_id] = change
    await moves.save(tx, stopped)
    return [batch[-1].causes(event) for change in stopped.values() for event in change.events]
