"""Membership, put together."""

from collections.abc import Sequence
from pathlib import Path

from lutong_chassis import Service, Tx
from lutong_contracts import Event
from lutong_contracts.topics import PLANS
from lutong_membership.handlers import handlers
from lutong_membership.http import router
from lutong_membership.jobs import job_queues
from lutong_membership.plans.domain.entity import plan_event
from lutong_membership.plans.store.plans import plans_after
from lutong_membership.providers.credit.settings import CreditSettings
from lutong_membership.providers.deduction.settings import DeductionSettings
from lutong_membership.providers.payment.settings import PaymentSettings
from lutong_membership.settings import MembershipSettings


async def plans(tx: Tx, after: str, limit: int) -> Sequence[Event]:
    """Plans behind an id, to be published once more."""
    return [plan_event(state) for state in await plans_after(tx, after, limit)]


service = Service(
    "membership",
    handlers=handlers,
    routes=router,
    migrations=Path(__file__).parent / "migrations",
    job_queues=job_queues,
    settings=(MembershipSettings, CreditSettings, DeductionSettings, PaymentSettings),
    entities={PLANS: plans},
)

if __name__ == "__main__":
    service.run()
