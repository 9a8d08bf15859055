"""One membership from its first order to the money that is taken for it: a version in gray, a coupon, a refund, repayments, a quit, a deduction;
and what operators decide about money, alone and by two."""

from typing import Any, Final

import httpx

from lutong_console.cli.demo.scenarios import Scenario
from tests.attacks.people import People, an_operator, the_member
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
_TOO_MUCH_MINOR: Final = 20_000
_RAISED_MINOR: Final = 500_000
_ONE, _OTHER = an_operator("ops-1"), an_operator("ops-2")


async def live(scenario: Scenario, people: People) -> None:
    """Live it, until the charge of an early quit has been deducted, and everything is paid."""
    member, shop = scenario.viewer, f"pens-{scenario.viewer}"
    await _open_shop(scenario, shop)
    await scenario.publish(shop, "钢笔，先享后付。", shop)
    await _try_in_gray(scenario, shop)
    first = await _buy(scenario)
    await _buy(scenario, coupon_id=await _a_coupon(scenario, shop))
    await scenario.ask(
        "inventory", "POST", f"/v1/orders/{first}/refunds", refund_id=f"back-{first}", amount_minor=1_000
    )
    await scenario.until("RefundBooked")
    await _claims(people, member, 500)
    await scenario.ask("membership", "PUT", f"/v1/members/{member}/line", limit_minor=2_000, reason="buys little")
    await scenario.ask("membership", "POST", f"/v1/agreements/{_agreement_of(scenario)}/waivers", **_waiver(first))
    agreement = _agreement_of(scenario)
    leaving = f"/v1/agreements/{agreement}/quit"
    await scenario.ask("membership", "POST", leaving, accepted_charge_minor=TERMS["withholding"]["cap_minor"])

    async def deducted() -> bool:
        statement = await scenario.ask("membership", "GET", f"/v1/agreements/{agreement}/statement")
        return [deduction["state"] for deduction in statement["deductions"]] == ["succeeded"]

    await until(deducted, "the charge has been taken", deadline_s=90)
    line = await scenario.ask("membership", "GET", f"/v1/members/{member}")
    owed_minor = sum(one["owed_minor"] for one in line["lines"])
    await _arrives(scenario, owed_minor, "all")
    await _arrives(scenario, _TOO_MUCH_MINOR, "too-much")
    await _is_paid_out(people, member)


def _agreement_of(scenario: Scenario) -> str:
    return next(step for step in scenario.seen if step.name == "AgreementSigned").key


def _waiver(order: str) -> dict[str, Any]:
    return {"debt_id": f"order:{order}", "amount_minor": 10, "reason": "a pen was late"}


async def _claims(people: People, member: str, amount_minor: int) -> None:
    """The member asks to pay, and the payment provider takes it."""
    asked = await people.ask(the_member(member), "POST", f"/v1/members/{member}/repayments", amount_minor=amount_minor)
    repayment_id = asked.raise_for_status().json()["repayment_id"]

    async def confirmed() -> bool:
        answer = await people.ask(the_member(member), "GET", f"/v1/repayments/{repayment_id}")
        return bool(answer.raise_for_status().json()["state"] == "confirmed")

    await until(confirmed, "the provider took the repayment", deadline_s=30)


async def _arrives(scenario: Scenario, amount_minor: int, what: str) -> None:
    """Money comes that nobody announced."""
    evidence = {"amount_minor": amount_minor, "bank": "icbc", "reference": f"{what}-{scenario.viewer}"}
    await scenario.ask("membership", "POST", f"/v1/members/{scenario.viewer}/repayments", **evidence)


async def _is_paid_out(people: People, member: str) -> None:
    """What was too much goes back: a part by one operator, the rest by two."""
    path, why = f"/v1/members/{member}", {"reason": "paid too much"}
    (await people.ask(_ONE, "POST", f"{path}/payouts", amount_minor=100, **why)).raise_for_status()
    large = await people.ask(_ONE, "POST", f"{path}/payouts", amount_minor=_TOO_MUCH_MINOR - 200, **why)
    await _approve(people, large)


async def raise_line(people: People, member: str) -> None:
    """A line is raised: a part by one operator, the rest by two."""
    path, why = f"/v1/members/{member}/line", {"reason": "pays on time"}
    (await people.ask(_ONE, "PUT", path, limit_minor=_RAISED_MINOR // 4, **why)).raise_for_status()
    await _approve(people, await people.ask(_ONE, "PUT", path, limit_minor=_RAISED_MINOR, **why))


async def _approve(people: People, proposed: httpx.Response) -> None:
    approval = f"/v1/proposals/{proposed.raise_for_status().json()['proposal_id']}/approval"
    (await people.ask(_OTHER, "POST", approval, reason="looked at it")).raise_for_status()


async def _open_shop(scenario: Scenario, shop: str) -> None:
    ask, member = scenario.ask, scenario.viewer
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


async def _try_in_gray(scenario: Scenario, shop: str) -> None:
    """A version is shown to the member first, and taken back; the next one stays in gray, for others."""

    async def is_shown(version: int) -> None:
        async def shown() -> bool:
            post = await scenario.ask_as(scenario.member, "feed", "GET", f"/v1/posts/{scenario.post}")
            return bool(post["card"]["version"] == version)

        await until(shown, f"the member sees version {version}")

    for version, viewers in ((2, [scenario.viewer]), (3, [])):
        versions = f"/v1/programs/{shop}/versions"
        manifest = {"title": f"钢笔店 {version}", "page": "pages/shop", "offers": [_OFFER]}
        await scenario.ask("registry", "POST", versions, version=version, manifest=manifest)
        await scenario.ask("registry", "POST", f"{versions}/{version}/approval")
        await scenario.ask("registry", "POST", f"{versions}/{version}/gray", percent=10, viewers=viewers)
        if viewers:
            await is_shown(version)
            await scenario.ask("registry", "POST", f"{versions}/{version}/rollback", reason="wrong_prices")
            await is_shown(1)


async def _a_coupon(scenario: Scenario, stock: str) -> str:
    issued = await scenario.ask("membership", "POST", f"/v1/coupon-stocks/{stock}/coupons", member_id=scenario.viewer)
    coupon_id: str = issued["coupon_id"]
    return coupon_id


async def _buy(scenario: Scenario, **more: str) -> str:
    """Order one, and get it; gives the order."""
    orders = sum(step.name == "HoldCaptured" for step in scenario.seen) + 1
    order_id = await scenario.order("pen", 1, **more)
    await scenario.until("OrderSourced", orders)
    await scenario.fulfil(order_id)
    await scenario.until("HoldCaptured", orders)
    return order_id
