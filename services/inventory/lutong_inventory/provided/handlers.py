"""Services without goods: they wait for their merchant from when they are paid for, until they are done, or are not."""

from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import datetime, timedelta

from lutong_chassis import Cause, Handlers, Outgoing, Received, Tx
from lutong_chassis.settings import settings_of
from lutong_contracts.feed import RequestCancelled
from lutong_contracts.inventory import ProvisionLapsed, ServiceAwaited
from lutong_contracts.membership import CreditHeld
from lutong_inventory.parts import listed_minor
from lutong_inventory.provided import domain, store
from lutong_inventory.provided.domain import Provision
from lutong_inventory.settings import InventorySettings

handlers = Handlers()


async def await_services(tx: Tx, batch: Sequence[Received[CreditHeld]], recalled: Collection[str]) -> list[Outgoing]:
    """Services are paid for: their merchants are to do them. Those that their members cancelled before end at once."""
    by = tx.now + timedelta(seconds=settings_of(InventorySettings).provision_window_s)
    arrived = {r.event.order_id: (r, _arrived(r, by)) for r in reversed(batch)}
    made = [domain.cancelled(each) if key in recalled else each for key, (_, each) in arrived.items()]
    fresh = await store.arrive(tx, made)
    events: list[Outgoing] = []
    for each in made:
        if each.order_id not in fresh:
            continue
        received, order = arrived[each.order_id][0], arrived[each.order_id][0].event
        if each.state == "cancelled":
            events.append(received.causes(each.event))
            continue
        facts = {"order_id": order.order_id, "merchant_id": order.merchant_id, "member_id": order.member_id}
        awaited = ServiceAwaited(
            program_id=order.program_id, lines=order.lines, amount=order.amount, done_by=by, **facts
        )
        answer = received.causes(awaited)
        events += [answer, Outgoing(ProvisionLapsed(order_id=order.order_id), answer.cause, by)]
    return events


async def cancel_services(
    tx: Tx, services: Mapping[str, Provision], causes: Mapping[str, Received[RequestCancelled]]
) -> list[Outgoing]:
    """Members changed their mind: of services, which are locked, those that still wait end."""
    return await _end(tx, services, causes, domain.cancelled)


@handlers.on(ProvisionLapsed)
async def end_silent_services(batch: Sequence[Received[ProvisionLapsed]], tx: Tx) -> list[Outgoing]:
    """Merchants reported nothing in time: what was held is given back."""
    causes = {received.event.order_id: received for received in batch}
    return await _end(tx, await store.lock(tx, causes), causes, domain.lapsed)


async def _end(
    tx: Tx,
    known: Mapping[str, Provision],
    causes: Mapping[str, Received[RequestCancelled]] | Mapping[str, Received[ProvisionLapsed]],
    how: Callable[[Provision], Provision],
) -> list[Outgoing]:
    ended = [after for key, before in known.items() if (after := how(before)) != before]
    if ended:
        await store.end(tx, ended)
    return [causes[each.order_id].causes(each.event) for each in ended]


def _arrived(received: Received[CreditHeld], by: datetime) -> Provision:
    order, cause = received.event, received.as_cause
    return Provision(
        order.order_id, order.merchant_id, order.member_id, order.post_id, order.program_id, order.amount.amount_minor,
        order.amount.currency, order.touch, "waiting", by, cause.correlation_id, cause.causation_id,
        listed_minor=listed_minor(order.lines),
    )  # fmt: skip


def cause_of(known: Provision) -> Cause:
    """What happens to a service continues the journey that brought it."""
    return Cause(known.correlation_id, known.causation_id)
