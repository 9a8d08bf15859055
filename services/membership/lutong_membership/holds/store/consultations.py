"""Members who were asked about: what is decided on when the answer comes, and what was decided."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from lutong_chassis import Cause, Tx
from lutong_contracts.feed import ServiceRequested
from lutong_membership.agreements.domain.agreement import Agreement
from lutong_membership.agreements.store.agreements import agreements, decline, save_agreements
from lutong_membership.coupons.store import lock_coupons
from lutong_membership.holds.domain.consultations import Concluded, Consultation
from lutong_membership.holds.domain.requests import RequestContext
from lutong_membership.holds.store.assessments import end_waiting, limits, lock_applicants
from lutong_membership.holds.store.holds import with_newcomers
from lutong_membership.ledger.store.lines import lock_lines
from lutong_membership.plans.domain.terms import Plan


@dataclass(frozen=True, slots=True)
class Consultations:
    """Agreements that are still consulted, what waits for each with its cause, and the books to decide on."""

    agreements: dict[str, tuple[Agreement, Plan]]
    waiting: dict[str, list[tuple[ServiceRequested, Cause]]]
    limits: dict[str, int]
    context: RequestContext

    def about(self, agreement_id: str, refusal: str | None) -> Consultation:
        """One of them, with its answer."""
        agreement, plan = self.agreements[agreement_id]
        waiting = tuple(request for request, _ in self.waiting[agreement_id])
        return Consultation(agreement, plan, self.limits.get(agreement_id, 0), refusal, waiting)


async def open_consultations(tx: Tx, agreement_ids: Sequence[str], members: Iterable[str]) -> Consultations:
    """Everything that answers about members are decided on; the members are locked. What waited waits no more."""
    applicants = await lock_applicants(tx, members)
    lines = await lock_lines(tx, applicants)
    found = await agreements(tx, agreement_ids)
    consulted = {key: pair for key, pair in found.items() if pair[0].state == "consulted"}
    waiting: dict[str, list[tuple[ServiceRequested, Cause]]] = defaultdict(list)
    cancelled = set()
    for row in await end_waiting(tx, consulted):
        request = ServiceRequested.model_validate_json(row["request"])
        cause = Cause(row["correlation_id"], row["causation_id"], row["traceparent"])
        waiting[row["agreement_id"]].append((request, cause))
        cancelled |= {request.order_id} if row["cancelled"] else set()
    named = {request.coupon_id for rows in waiting.values() for request, _ in rows if request.coupon_id}
    context = RequestContext(
        plans={},
        applicants=frozenset(applicants),
        agreements={},
        lines=lines,
        coupons=await lock_coupons(tx, named) if named else {},
        answered=set(),
        cancelled=frozenset(cancelled),
    )
    context = await with_newcomers(tx, context, [(agreement.member_id, plan) for agreement, plan in consulted.values()])
    return Consultations(consulted, waiting, await limits(tx, consulted), context)


async def save_conclusions(tx: Tx, concluded: Sequence[Concluded]) -> None:
    """Write agreements that were signed, offered or declined, and why."""
    await save_agreements(tx, [(each.agreement, None) for each in concluded])
    reasons = [(each.agreement.agreement_id, each.reason) for each in concluded if each.reason]
    if reasons:
        await decline(tx, reasons)


async def lock_offers(tx: Tx, agreement_ids: Iterable[str]) -> dict[str, tuple[Agreement, Plan]]:
    """Those of these agreements that wait for a signature; their members are locked."""
    wanted = sorted(set(agreement_ids))
    members = {agreement.member_id for agreement, _ in (await agreements(tx, wanted)).values()}
    await lock_applicants(tx, members)
    return {key: pair for key, pair in (await agreements(tx, wanted)).items() if pair[0].state == "preordered"}
