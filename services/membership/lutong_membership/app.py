"""Membership, put together."""

from pathlib import Path

from lutong_chassis import Service
from lutong_membership.credit.settings import CreditSettings
from lutong_membership.deduction.settings import DeductionSettings
from lutong_membership.errands import errands
from lutong_membership.handlers import handlers
from lutong_membership.http import router
from lutong_membership.payment.settings import PaymentSettings
from lutong_membership.settings import MembershipSettings

service = Service(
    "membership",
    handlers=handlers,
    routes=router,
    migrations=Path(__file__).parent / "migrations",
    errands=errands,
    settings=(MembershipSettings, CreditSettings, DeductionSettings, PaymentSettings),
)

if __name__ == "__main__":
    service.run()
