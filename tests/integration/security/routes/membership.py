"""Routes of membership: plans, members, agreements, repayments and coupons."""

from typing import Any, Final

from lutong_chassis.auth import Principal
from lutong_chassis.testing import (
    a_member,
    bearer,
)
from lutong_contracts import Event
from lutong_contracts.inventory import OrderRefunded
from lutong_contracts.topics import PLANS
from lutong_contracts.values import Money
from tests.integration.membership.story import tell
from tests.integration.security.callers import (
    ACME,
    ANN,
    ANYBODY,
    CLAIMED_BY_ITS_MEMBER,
    DONE_BY_ITS_MEMBER,
    DONE_BY_ITS_MERCHANT,
    DONE_BY_ITS_PARTIES,
    DONE_BY_OPERATORS,
    DONE_BY_THE_MEMBER,
    READ_BY_ITS_MEMBER,
    READ_BY_ITS_MERCHANT,
    READ_BY_ITS_PARTIES,
    READ_BY_STAFF,
)
from tests.integration.security.routes.operations import OPERATIONS, entities_of
from tests.integration.security.world import Ask, Asked, Matrix, World, fixed
from tests.support.builders import GOOD_PROFILE, a_request, fulfilled

_TERMS: Final = {"merchant_id": ACME, "title": "轻会员", "line_limit_minor": 500_000}
_RIGHTS: Final = {"benefits": {"rights": [{"right_id": "tea", "title": "Tea", "times": 1_000, "value_minor": 100}]}}
_LIGHT: Final = _TERMS | {"terms": _RIGHTS}
_STOCK: Final = {
    "merchant_id": ACME,
    "amount_off_minor": 100,
    "total": 1_000_000,
    "daily_total": 1_000_000,
    "member_total": 1_000,
}


async def a_membership(world: World) -> None:
    """A plan and coupons of acme's; ann, who owes something and has something held; bob, whom the platform owes."""
    await world.ask("PUT", "/v1/plans/light", _LIGHT)
    await world.ask("PUT", "/v1/coupon-stocks/spring", _STOCK)
    await _owes(world, ANN, "o-2")
    await _consumes(world, a_request("o-1", viewer_id=ANN))
    await _owes(world, "bob", "o-3")
    await world.ask("POST", "/v1/members/bob/repayments", _paid(world, 10_000))
    back = Money(amount_minor=10_000, currency="CNY")
    facts = {"member_id": "bob", "merchant_id": ACME, "order_id": "o-3"}
    await _consumes(world, OrderRefunded(refund_id="r-1", amount=back, **facts))


def _paid(world: World, amount_minor: int) -> dict[str, Any]:
    return {"amount_minor": amount_minor, "bank": "icbc", "reference": world.fresh("T")}


async def _claims(world: World) -> str:
    """Ann asks to pay; gives the repayment."""
    ann = bearer(a_member(ANN))
    answer = await world.admin.post(f"/v1/members/{ANN}/repayments", json={"amount_minor": 1}, headers=ann)
    return str(answer.raise_for_status().json()["repayment_id"])


async def _claimed(world: World) -> Asked:
    repayment_id = await _claims(world)
    return Asked(f"/v1/repayments/{repayment_id}", about=repayment_id)


async def _confirm(world: World) -> Asked:
    return Asked(f"/v1/repayments/{await _claims(world)}/confirmation", _paid(world, 1))


async def _reject_claim(world: World) -> Asked:
    return Asked(f"/v1/repayments/{await _claims(world)}/rejection", {"reason": "nothing came"})


async def _consumes(world: World, event: Event) -> None:
    await tell(world.pool, event.model_copy(update={"merchant_id": ACME}))


async def _owes(world: World, member_id: str, order_id: str, amount_minor: int = 10_000) -> str:
    """A member who joined acme's plan by an order, and has the goods; gives the agreement."""
    await world.ask("PUT", f"/v1/members/{member_id}/profile", GOOD_PROFILE)
    await _consumes(world, a_request(order_id, amount_minor, member_id))
    await _consumes(world, fulfilled(order_id, amount_minor).model_copy(update={"member_id": member_id}))
    return str((await world.ask("GET", f"/v1/holds/{order_id}"))["agreement_id"])


async def _offered(world: World) -> tuple[str, str]:
    """A plan of another shop's that ann was offered; gives plan and agreement."""
    shop = world.fresh("shop")
    await world.ask("PUT", f"/v1/plans/{shop}", _TERMS | {"merchant_id": shop})
    consulted = await world.ask("POST", f"/v1/members/{ANN}/consultations", {"plan_id": shop})
    return shop, str(consulted["agreement_id"])


async def _consult(world: World) -> Asked:
    shop = world.fresh("shop")
    await world.ask("PUT", f"/v1/plans/{shop}", _TERMS | {"merchant_id": shop})
    return Asked(f"/v1/members/{ANN}/consultations", {"plan_id": shop}, ANN)


async def _sign(world: World) -> Asked:
    _, agreement_id = await _offered(world)
    return Asked(f"/v1/agreements/{agreement_id}/signature", about=agreement_id)


async def _quit(world: World) -> Asked:
    _, agreement_id = await _offered(world)
    await world.ask("POST", f"/v1/agreements/{agreement_id}/signature")
    return Asked(f"/v1/agreements/{agreement_id}/quit", {"accepted_charge_minor": 0}, agreement_id)


def _of_an_agreement(path: str) -> Ask:
    async def ask(world: World) -> Asked:
        agreement_id = (await world.ask("GET", "/v1/holds/o-1"))["agreement_id"]
        return Asked(f"/v1/agreements/{agreement_id}{path}", about=agreement_id)

    return ask


async def _use(world: World) -> Asked:
    asked = await _of_an_agreement("/rights/tea/uses")(world)
    codes = asked.path.replace("/uses", "/codes")
    shown = await world.admin.post(codes, headers=bearer(a_member(ANN)))
    return Asked(asked.path, {"use_id": world.fresh("use"), "code": shown.json()["code"]}, asked.about)


async def _unuse(world: World) -> Asked:
    used = await _use(world)
    await world.ask("POST", used.path, used.body)
    return Asked(f"{used.path}/{used.body['use_id']}", about=used.about)


async def _void(world: World) -> Asked:
    issued = await world.ask("POST", "/v1/coupon-stocks/spring/coupons", {"member_id": ANN})
    return Asked(f"/v1/coupons/{issued['coupon_id']}/void", {"reason": "mistake"}, issued["coupon_id"])


async def _waive(world: World) -> Asked:
    asked = await _of_an_agreement("/waivers")(world)
    return Asked(asked.path, {"reason": "wet parcel", "debt_id": "order:o-2", "amount_minor": 1})


async def _write_off(world: World) -> Asked:
    agreement_id = await _owes(world, world.fresh("debtor"), world.fresh("o"), 1_000)
    return Asked(f"/v1/agreements/{agreement_id}/write-off", {"reason": "cannot be found"})


def _on_a_proposal(verdict: str) -> Ask:
    async def ask(world: World) -> Asked:
        agreement_id = await _owes(world, world.fresh("debtor"), world.fresh("o"), 20_000)
        other = bearer(Principal("otto", "operator"))
        path = f"/v1/agreements/{agreement_id}/write-off"
        proposed = await world.admin.post(path, json={"reason": "cannot be found"}, headers=other)
        return Asked(f"/v1/proposals/{proposed.json()['proposal_id']}/{verdict}", {"reason": "looked at it"})

    return ask


MEMBERSHIP: Final[Matrix] = (
    OPERATIONS
    | entities_of(PLANS)
    | {
        "PUT /v1/plans/{plan_id}": (DONE_BY_ITS_MERCHANT, fixed("/v1/plans/light", _LIGHT, ACME)),
        "GET /v1/plans/{plan_id}": (ANYBODY, fixed("/v1/plans/light")),
        "GET /v1/plans/{plan_id}/versions/{version}": (ANYBODY, fixed("/v1/plans/light/versions/1")),
        "GET /v1/merchants/{merchant_id}/uplift": (
            READ_BY_ITS_MERCHANT,
            fixed(f"/v1/merchants/{ACME}/uplift", about=ACME),
        ),
        "PUT /v1/members/{member_id}/profile": (DONE_BY_OPERATORS, fixed(f"/v1/members/{ANN}/profile", GOOD_PROFILE)),
        "DELETE /v1/members/{member_id}/profile": (DONE_BY_OPERATORS, fixed("/v1/members/nobody/profile")),
        "POST /v1/members/profiles/batch": (
            DONE_BY_OPERATORS,
            fixed("/v1/members/profiles/batch", {"profiles": [{"member_id": ANN, **GOOD_PROFILE}]}),
        ),
        "GET /v1/members/{member_id}": (READ_BY_ITS_MEMBER, fixed(f"/v1/members/{ANN}", about=ANN)),
        "GET /v1/merchants/{merchant_id}/plans": (
            READ_BY_ITS_MERCHANT,
            fixed(f"/v1/merchants/{ACME}/plans", about=ACME),
        ),
        "GET /v1/merchants/{merchant_id}/coupon-stocks": (
            READ_BY_ITS_MERCHANT,
            fixed(f"/v1/merchants/{ACME}/coupon-stocks", about=ACME),
        ),
        "GET /v1/members/{member_id}/plans/{merchant_id}": (
            READ_BY_ITS_MEMBER,
            fixed(f"/v1/members/{ANN}/plans/{ACME}", about=ANN),
        ),
        "GET /v1/members/{member_id}/ledger": (READ_BY_ITS_MEMBER, fixed(f"/v1/members/{ANN}/ledger", about=ANN)),
        "GET /v1/holds/{order_id}": (READ_BY_ITS_PARTIES, fixed("/v1/holds/o-1", about="o-1")),
        "POST /v1/members/{member_id}/repayments": (
            CLAIMED_BY_ITS_MEMBER,
            fixed(f"/v1/members/{ANN}/repayments", {"amount_minor": 1}, ANN),
        ),
        "POST /v1/members/{member_id}/payouts": (
            DONE_BY_OPERATORS,
            fixed("/v1/members/bob/payouts", {"amount_minor": 1, "reason": "store closed"}),
        ),
        "PUT /v1/members/{member_id}/line": (
            DONE_BY_OPERATORS,
            fixed(f"/v1/members/{ANN}/line", {"limit_minor": 100_000, "reason": "as agreed"}),
        ),
        "POST /v1/members/{member_id}/consultations": (DONE_BY_ITS_MEMBER, _consult),
        "GET /v1/members/{member_id}/accounts": (READ_BY_ITS_MEMBER, fixed(f"/v1/members/{ANN}/accounts", about=ANN)),
        "PUT /v1/members/{member_id}/accounts/{viewer_id}": (
            DONE_BY_THE_MEMBER,
            fixed(f"/v1/members/{ANN}/accounts/v-1", about=ANN),
        ),
        "DELETE /v1/members/{member_id}/accounts/{viewer_id}": (
            DONE_BY_ITS_MEMBER,
            fixed(f"/v1/members/{ANN}/accounts/v-1", about=ANN),
        ),
        "GET /v1/members/{member_id}/coupons": (READ_BY_ITS_MEMBER, fixed(f"/v1/members/{ANN}/coupons", about=ANN)),
        "GET /v1/agreements/{agreement_id}": (READ_BY_ITS_PARTIES, _of_an_agreement("")),
        "GET /v1/agreements/{agreement_id}/quote": (READ_BY_ITS_PARTIES, _of_an_agreement("/quote")),
        "GET /v1/agreements/{agreement_id}/statement": (READ_BY_ITS_MEMBER, _of_an_agreement("/statement")),
        "POST /v1/agreements/{agreement_id}/signature": (DONE_BY_ITS_MEMBER, _sign),
        "POST /v1/agreements/{agreement_id}/quit": (DONE_BY_ITS_MEMBER, _quit),
        "GET /v1/repayments": (READ_BY_STAFF, fixed("/v1/repayments")),
        "GET /v1/repayments/{repayment_id}": (READ_BY_ITS_MEMBER, _claimed),
        "POST /v1/repayments/{repayment_id}/confirmation": (DONE_BY_OPERATORS, _confirm),
        "POST /v1/repayments/{repayment_id}/rejection": (DONE_BY_OPERATORS, _reject_claim),
        "POST /v1/agreements/{agreement_id}/rights/{right_id}/codes": (
            DONE_BY_THE_MEMBER,
            _of_an_agreement("/rights/tea/codes"),
        ),
        "POST /v1/agreements/{agreement_id}/rights/{right_id}/uses": (DONE_BY_ITS_PARTIES, _use),
        "DELETE /v1/agreements/{agreement_id}/rights/{right_id}/uses/{use_id}": (DONE_BY_ITS_MERCHANT, _unuse),
        "POST /v1/agreements/{agreement_id}/waivers": (DONE_BY_OPERATORS, _waive),
        "POST /v1/agreements/{agreement_id}/write-off": (DONE_BY_OPERATORS, _write_off),
        "GET /v1/proposals": (READ_BY_STAFF, fixed("/v1/proposals")),
        "POST /v1/proposals/{proposal_id}/approval": (DONE_BY_OPERATORS, _on_a_proposal("approval")),
        "POST /v1/proposals/{proposal_id}/rejection": (DONE_BY_OPERATORS, _on_a_proposal("rejection")),
        "PUT /v1/coupon-stocks/{stock_id}": (DONE_BY_ITS_MERCHANT, fixed("/v1/coupon-stocks/spring", _STOCK, ACME)),
        "GET /v1/coupon-stocks/{stock_id}": (READ_BY_ITS_MERCHANT, fixed("/v1/coupon-stocks/spring", about="spring")),
        "POST /v1/coupon-stocks/{stock_id}/coupons": (
            DONE_BY_ITS_MERCHANT,
            fixed("/v1/coupon-stocks/spring/coupons", {"member_id": ANN}, "spring"),
        ),
        "POST /v1/coupons/{coupon_id}/void": (DONE_BY_ITS_MERCHANT, _void),
    }
)
