"""Members who were asked about: what is decided on when the answer comes, and what was decided."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from lutong_chassis import Tx
from lutong_membership.agreements.domain.agreement import Pinned
from lutong_membership.agreements.store.agreements import agreements, decline, save_agreements
from lutong_membership.coupons.store import lock_coupons
from lutong_membership.holds.domain.joining import RequestContext
from lutong_membership.holds.domain.requests import Concluded, Consultation
from lutong_membership.holds.store.assessments import Waiting, end_waiting, limits, lock_applicants
from lutong_membership.holds.store.holds import with_newcomers
from lutong_membership.ledger.store.lines import lock_lines
from lutong_membership.plans.domain.newcomers import Newcomer


@dataclass(frozen=True, slots=True)
class Consultations:
    """Agreements that are still consulted, what waits for each with its cause, and the context to decide in."""

    agreements: dict[str, Pinned]
    waiting: dict[str, list[Waiting]]
    limits: dict[str, int]
    context: RequestContext

    def about(self, agreement_id: str, refusal: str | None) -> Consultation:
        """The consultation of one agreement, with the provider's answer."""
        agreement, plan = self.agreements[agreement_id]
        waiting = tuple(each.request for each in self.waiting[agreement_id])
        return Consultation(agreement, plan, self.limits.get(agreement_id, 0), refusal, waiting)


async def open_consultations(tx: Tx, agreement_ids: Sequence[str], members: Iterable[str]) -> Consultations:
    """Everything that answers about members are decided on; the members are locked. What waited waits no more."""
    applicants = await lock_applicants(tx, members)
    lines = await lock_lines(tx, applicants)
    found = await agreements(tx, agreement_ids)
    consulted = {key: pinned for key, pinned in found.items() if pinned.agreement.state == "consulted"}
    waited = await end_waiting(tx, consulted)
    waiting: dict[str, list[Waiting]] = defaultdict(list)
    for each, _ in waited:
        waiting[each.agreement_id].append(each)
    named = {each.request.coupon_id for each, _ in waited if each.request.coupon_id}
    context = RequestContext(
        applicants=frozenset(applicants),
        lines=lines,
        coupons=await lock_coupons(tx, named) if named else {},
        cancelled=frozenset(each.request.order_id for each, cancelled in waited if cancelled),
    )
    joining = [Newcomer(agreement.member_id, plan) for agreement, plan in consulted.values()]
    context = await with_newcomers(tx, context, joining)
    return Consultations(consulted, waiting, await limits(tx, consulted), context)


async def save_conclusions(tx: Tx, concluded: Sequence[Concluded]) -> None:
    """Write agreements that were signed, offered or declined, and why."""
    await save_agreements(tx, [each.agreement for each in concluded])
    reasons = {each.agreement.agreement_id: each.reason for each in concluded if each.reason}
    if reasons:
        await decline(tx, reasons)


async def lock_agreements(tx: Tx, agreement_ids: Iterable[str]) -> dict[str, Pinned]:
    """Agreements, as they are once their members are locked."""
    wanted = sorted(set(agreement_ids))
    members = {pinned.agreement.member_id for pinned in (await agreements(tx, wanted)).values()}
    await lock_applicants(tx, members)
    return await agreements(tx, wanted)


async def lock_offers(tx: Tx, agreement_ids: Iterable[str]) -> dict[str, Pinned]:
    """Those of these agreements that wait for a signature; their members are locked."""
    found = await lock_agreements(tx, agreement_ids)
    return {key: pinned for key, pinned in found.items() if pinned.agreement.state == "preordered"}
