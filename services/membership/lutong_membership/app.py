"""Membership, put together."""

from pathlib import Path

from lutong_chassis import Service
from lutong_membership.handlers import handlers
from lutong_membership.http import router
from lutong_membership.jobs import job_queues
from lutong_membership.providers.credit.settings import CreditSettings
from lutong_membership.providers.deduction.settings import DeductionSettings
from lutong_membership.providers.payment.settings import PaymentSettings
from lutong_membership.settings import MembershipSettings

service = Service(
    "membership",
    handlers=handlers,
    routes=router,
    migrations=Path(__file__).parent / "migrations",
    job_queues=job_queues,
    settings=(MembershipSettings, CreditSettings, DeductionSettings, PaymentSettings),
)

if __name__ == "__main__":
    service.run()
