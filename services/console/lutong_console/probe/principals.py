"""As whom synthetic journeys are made: a member, and staff of a merchant. Neither sees or changes anything of others."""

from typing import NamedTuple

from lutong_chassis.auth import Principal
from lutong_contracts.synthetic import PROBE


class Principals(NamedTuple):
    """Who reads, joins and orders; and who brings the goods and takes them back."""

    member: Principal
    merchant: Principal


def principals(name: str = PROBE) -> Principals:
    """The member and the merchant of an id."""
    return Principals(
        Principal(name, "member", member_id=name),
        Principal(name, "merchant", merchant_id=name),
    )
