"""What a plan asks of who joins it, in words: in English and in Chinese. Pure."""

from typing import NamedTuple

from lutong_membership.plans.domain.terms import Plan


class Rule(NamedTuple):
    """One thing that a member agrees to."""

    en: str
    zh: str


def rules(plan: Plan) -> list[Rule]:
    """What may cost a member something: failing the plan, and an order for pickup that they do not pick up."""
    cap_minor, fee_minor = plan.terms.cap_minor, plan.terms.no_show_fee_minor
    cap, fee = (shown(amount_minor, plan.currency) for amount_minor in (cap_minor, fee_minor))
    found = [
        Rule(
            f"Who does not do what the plan asks pays back what they enjoyed, {cap} at most.",
            f"未完成约定，需退还已享优惠，最多 {cap}。",
        )
    ] * bool(cap_minor)
    if fee_minor:
        kept = Rule(
            f"An order for pickup that you do not pick up in time costs {fee}, or its price where that is less. "
            "The rest of what was set aside is yours again at once. It does not count towards the plan.",
            f"到店自提的订单逾期未取，收取 {fee}（订单金额更低时按订单金额），其余预留额度立即退回。该订单不计入约定。",
        )
    else:
        kept = Rule(
            "An order for pickup that you do not pick up in time costs nothing.",
            "到店自提的订单逾期未取，不收取任何费用。",
        )
    return [*found, kept]


def shown(amount_minor: int, currency: str) -> str:
    """An amount of a currency with two decimals, as all are that plans are written in.

    >>> shown(1_205, "CNY")
    '12.05 CNY'
    """
    return f"{amount_minor // 100}.{amount_minor % 100:02} {currency}"
