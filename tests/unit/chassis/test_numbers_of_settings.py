"""Every number that a service is given has bounds: what no machine can do is refused at start."""

import pytest
from annotated_types import Ge, Gt, Le, Lt
from pydantic.fields import FieldInfo

from lutong_chassis.settings import Settings
from lutong_feed.settings import FeedSettings
from lutong_inventory.settings import InventorySettings
from lutong_membership.providers.credit.settings import CreditSettings
from lutong_membership.providers.deduction.settings import DeductionSettings
from lutong_membership.providers.payment.settings import PaymentSettings
from lutong_membership.settings import MembershipSettings

NUMBERS = [
    pytest.param(field, id=f"{wanted.__name__}.{name}")
    for wanted in (
        Settings,
        FeedSettings,
        InventorySettings,
        MembershipSettings,
        CreditSettings,
        DeductionSettings,
        PaymentSettings,
    )
    for name, field in wanted.model_fields.items()
    if field.annotation in {int, float}
]


@pytest.mark.parametrize("field", NUMBERS)
def test_every_number_has_a_least_and_a_most(field: FieldInfo) -> None:
    """A pool of 10^21 connections is not refused by asyncpg: it takes all memory."""
    kinds = {type(bound) for bound in field.metadata}
    assert kinds & {Ge, Gt}
    assert kinds & {Le, Lt}
