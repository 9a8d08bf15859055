"""A merchant's members as they would be, treated and held out: effects are planted here, and known exactly.

Each member of a pool has two lives. A trial draws members from the pool, gives each an arm, and
sees one of the lives; the truth is the ratio over the whole pool, which no trial sees.
"""

import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from math import exp
from typing import Final

from lutong_contracts.offers import arm_of
from lutong_membership.plans.domain.uplift import KPIS, Finding, Member, Uplift

PLANTED: Final = {
    "order_value": 1.55,
    "order_frequency": 1.60,
    "repurchase": 1.24,
    "new_customers": 1.30,
    "card_opening": 3.0,
    "coupon_use": 4.0,
}
"""What is planted; buyers who order more often buy again more often, which is worked out from that."""
NOTHING: Final = dict.fromkeys(PLANTED, 1.0)


@dataclass(frozen=True, slots=True)
class Person:
    """What a member is like, whichever life they lead. The last five were drawn at random once."""

    days: float
    customer: bool
    orders_before: int
    habit: float
    purse: float
    comes: float
    consults: float
    signs: float
    likes_coupons: float
    coupons: int


@dataclass(frozen=True, slots=True)
class Lives:
    """A member held out, and the same member treated."""

    holdout: Member
    treated: Member


def pool(effects: Mapping[str, float], size: int = 12_000, seed: int = 1) -> list[Lives]:
    """Members with skewed amounts, habits of their own, and coupons that they use always or never."""
    rng = random.Random(seed)
    return [_lives(rng, effects) for _ in range(size)]


def _lives(rng: random.Random, effects: Mapping[str, float]) -> Lives:
    customer = rng.random() < 0.5
    person = Person(
        days=rng.uniform(20, 40),
        customer=customer,
        orders_before=_poisson(rng, 3 * rng.gammavariate(1, 1)) if customer else 0,
        habit=rng.gammavariate(2, 0.5),
        purse=9_000 * rng.lognormvariate(0, 0.6),
        comes=rng.random(),
        consults=rng.random(),
        signs=rng.random(),
        likes_coupons=rng.random(),
        coupons=rng.randrange(8),
    )
    held_out = _life(rng, NOTHING, person)
    return Lives(held_out, replace(held_out if effects == NOTHING else _life(rng, effects, person), arm="treated"))


def _life(rng: random.Random, effects: Mapping[str, float], person: Person) -> Member:
    buys = person.comes < (0.4 if person.customer else 0.2 * effects["new_customers"])
    rate = 2.5 * effects["order_frequency"] * person.days / 30  # a buyer's mean: one order, and what makes up the rest
    orders = 1 + _poisson(rng, (rate - 1) * person.habit) if buys else 0
    paid = sum(person.purse * rng.lognormvariate(0, 0.4) for _ in range(orders)) * effects["order_value"]
    consulted = person.consults < 0.5
    used = person.likes_coupons < 0.1 * effects["coupon_use"]
    return Member(
        arm="holdout",
        exposure_days=person.days,
        orders=orders,
        paid_minor=round(paid),
        first_order_in_window=buys and not person.customer,
        consulted=int(consulted),
        signed=int(consulted and person.signs < 0.1 * effects["card_opening"]),
        coupons_issued=person.coupons,
        coupons_redeemed=sum(rng.random() < 0.8 for _ in range(person.coupons)) if used else 0,
        orders_before=person.orders_before,
        paid_before_minor=round(person.orders_before * person.purse),
    )


def truths(members: Sequence[Lives]) -> dict[str, float]:
    """Each figure's ratio, treated to held out, if everybody were both."""
    found = {}
    arms = [each.treated for each in members], [each.holdout for each in members]
    for kpi in KPIS:
        treated, holdout = (sum(map(kpi.counted, arm)) / sum(map(kpi.per, arm)) for arm in arms)
        found[kpi.name] = treated / holdout
    return found


def trials(
    members: Sequence[Lives], count: int, size: int = 1_500, holdout_percent: float = 30
) -> Iterator[list[Member]]:
    """So many experiments, each on members of its own, with arms as the service gives them."""
    for seed in range(count):
        rng = random.Random(seed)
        drawn = rng.choices(members, k=size)
        yield [
            getattr(lives, arm_of(f"m-{number}", "shop", "light", f"salt-{seed}", holdout_percent))
            for number, lives in enumerate(drawn)
        ]


def _poisson(rng: random.Random, mean: float) -> int:
    """Knuth's way: fine for small means."""
    limit, product, count = exp(-mean), rng.random(), 0
    while product > limit:
        product *= rng.random()
        count += 1
    return count


def finding(measured: Uplift, name: str) -> Finding:
    """One figure of a report."""
    return next(found for found in measured.kpis if found.name == name)
