"""One membership from its first order to the money that is taken for it: a coupon, a refund, a repayment, a quit, a deduction."""

from typing import Any, Final

from lutong_console.roads import Walker
from tests.support.harness import until

TERMS: Final[dict[str, Any]] = {
    "period": {"kind": "relative", "days": 3_600},
    "obligation": {"kind": "times", "times": 9},
    "benefits": {"discount_percent": 10},
    "settlement": {"kind": "by_benefit"},
    "withholding": {"cap_minor": 5_000, "grace_days": 60, "notice_days": 1},
}
"""Where a plan's day lasts a second, as it does in the suite of these tests."""
_OFFER: Final = {"sku": "pen", "title": "钢笔", "unit_price": {"amount_minor": 3_000, "currency": "CNY"}}
_LINE_MINOR: Final = 100_000


async def live(walker: Walker) -> None:
    """Live it, until the charge of an early quit has been deducted, and everything is paid."""
    member, shop = walker.viewer, f"pens-{walker.viewer}"
    await _open_shop(walker, shop)
    await walker.publish(shop, "钢笔，先享后付。", shop)
    first = await _buy(walker)
    await _buy(walker, coupon_id=await _a_coupon(walker, shop))
    await walker.ask("inventory", "POST", f"/v1/orders/{first}/refunds", refund_id=f"back-{first}", amount_minor=1_000)
    await walker.until("RefundBooked")
    await walker.ask("membership", "POST", f"/v1/members/{member}/repayments", amount_minor=500)
    await walker.ask("membership", "PUT", f"/v1/members/{member}/line", limit_minor=2_000)
    agreement = next(step for step in walker.seen if step.name == "AgreementSigned").key
    leaving = f"/v1/agreements/{agreement}/quit"
    await walker.ask("membership", "POST", leaving, accepted_charge_minor=TERMS["withholding"]["cap_minor"])

    async def deducted() -> bool:
        statement = await walker.ask("membership", "GET", f"/v1/agreements/{agreement}/statement")
        return [deduction["state"] for deduction in statement["deductions"]] == ["succeeded"]

    await until(deducted, "the charge has been taken", deadline_s=90)
    line = await walker.ask("membership", "GET", f"/v1/members/{member}")
    owed_minor = sum(one["owed_minor"] for one in line["lines"])
    await walker.ask("membership", "POST", f"/v1/members/{member}/repayments", amount_minor=owed_minor)


async def _open_shop(walker: Walker, shop: str) -> None:
    ask, member = walker.ask, walker.viewer
    await ask("registry", "PUT", f"/v1/merchants/{shop}", name="钢笔店")
    manifest = {"title": "钢笔店", "page": "pages/shop", "offers": [_OFFER]}
    programs = [{"program_id": shop, "merchant_id": shop, "manifest": manifest}]
    await ask("registry", "POST", "/v1/programs/batch", programs=programs)
    plan = {"merchant_id": shop, "title": "钢笔轻会员", "line_limit_minor": _LINE_MINOR, "terms": TERMS}
    await ask("membership", "PUT", f"/v1/plans/{shop}", **plan)
    good = {"months_known": 36, "late_months": 0, "worst_delay_months": 0, "utilisation_percent": 20}
    await ask("membership", "PUT", f"/v1/members/{member}/profile", **good, declared_limit_minor=2_000_000)
    stock = {"merchant_id": shop, "amount_off_minor": 500, "total": 10, "daily_total": 10, "member_total": 2}
    await ask("membership", "PUT", f"/v1/coupon-stocks/{shop}", **stock)
    site = {
        "location_id": shop,
        "merchant_id": shop,
        "kind": "flagship",
        "name": "店",
        "latitude": 31,
        "longitude": 121,
    }
    await ask("inventory", "POST", "/v1/locations/batch", locations=[site])
    await ask("inventory", "POST", "/v1/stock/batch", shelves=[{"location_id": shop, "sku": "pen", "on_hand": 100}])
    named = [{"account_id": key, "name": key, "kind": "personal"} for key in (shop, member)]
    await ask("feed", "POST", "/v1/accounts/batch", accounts=named)


async def _a_coupon(walker: Walker, stock: str) -> str:
    issued = await walker.ask("membership", "POST", f"/v1/coupon-stocks/{stock}/coupons", member_id=walker.viewer)
    coupon_id: str = issued["coupon_id"]
    return coupon_id


async def _buy(walker: Walker, **more: str) -> str:
    """Order one, and get it; gives the order."""
    orders = sum(step.name == "HoldCaptured" for step in walker.seen) + 1
    order_id = await walker.order("pen", 1, **more)
    await walker.until("OrderSourced", orders)
    await walker.fulfil(order_id)
    await walker.until("HoldCaptured", orders)
    return order_id
