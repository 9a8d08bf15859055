"""Who is offered a light membership: decided from the plan's holdout and the member alone, so that the feed decides before it shows anything,
and membership, which measures, agrees without being asked.

Every member has a fixed place for a plan, by a hash; those whose place is low are held out. So a larger percentage holds out the same
members and more. A smaller one would let some go: what was decided at a member's first exposure is written down, and kept to.
"""

import hashlib
from typing import Literal

from pydantic import Field

from lutong_contracts.values import Identifier, Value

Arm = Literal["treated", "holdout"]


class Holdout(Value):
    """How many members of a plan are held out, and what they are drawn with. It travels between services, never to a member."""

    salt: Identifier
    percent: float = Field(ge=0, le=100, allow_inf_nan=False)


def arm_of(member_id: str, merchant_id: str, plan_id: str, salt: str, holdout_percent: float) -> Arm:
    """A member's arm for a plan of a merchant: always the same, and not chosen by anyone.

    Ids hold no line breaks, so that no two different members can be spelled alike.

    >>> arm_of("ann", "shop", "light", "s-1", 0), arm_of("ann", "shop", "light", "s-1", 100)
    ('treated', 'holdout')
    """
    if not 0 <= holdout_percent <= 100:
        raise ValueError(f"a holdout is between 0 and 100 percent, not {holdout_percent}")
    digest = hashlib.sha256(f"{salt}\n{merchant_id}\n{plan_id}\n{member_id}".encode()).digest()
    place_per_million = int.from_bytes(digest[:8], "big") % 1_000_000
    return "holdout" if place_per_million < holdout_percent * 10_000 else "treated"
