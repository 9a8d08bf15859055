"""The ways. Each gives what was gained by it, in minor units or uses: 0 when it does not succeed."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final

from lutong_chassis.auth import Principal
from tests.attacks.people import an_operator
from tests.attacks.scene import LINE_MINOR, ONE, OTHER, PRICE_MINOR, WHY, Buyer, Scene, the_member, the_merchant

Way = Callable[[Scene], Awaitable[int]]

ALONE_MINOR: Final = 10_000
"""What one operator may give one member in a period, where the suite has its defaults."""

RAISED_ALONE_MINOR: Final = 100_000
NINE_BILLION_MINOR: Final = 900_000_000_000
AT_ONCE: Final = 8


async def a_member_declares_their_own_repayment(scene: Scene) -> int:
    """The member says they paid."""
    buyer = await scene.buyer()
    path = f"/v1/members/{buyer.member_id}/repayments"
    await scene.people.ask(the_member(buyer.member_id), "POST", path, amount_minor=PRICE_MINOR)
    return PRICE_MINOR - int((await scene.line(buyer))["owed_minor"])


async def a_member_brings_a_reference_of_their_own(scene: Scene) -> int:
    """The member names a bank's reference themselves."""
    buyer = await scene.buyer()
    made_up = {"amount_minor": PRICE_MINOR, "bank": "icbc", "reference": "made-up"}
    path = f"/v1/members/{buyer.member_id}/repayments"
    await scene.people.ask(the_member(buyer.member_id), "POST", path, **made_up)
    return PRICE_MINOR - int((await scene.line(buyer))["owed_minor"])


async def one_reference_pays_twice(scene: Scene) -> int:
    """One line of a statement is written down many times, at once."""
    buyer = await scene.buyer()
    await asyncio.gather(*(scene.pays(buyer, "twice", 5_000) for _ in range(AT_ONCE)))
    return PRICE_MINOR - int((await scene.line(buyer))["owed_minor"]) - 5_000


async def one_reference_pays_for_two_members(scene: Scene) -> int:
    """One line of a statement pays for another buyer, too."""
    first, second = await scene.buyer(), await scene.buyer()
    await scene.pays(first, "shared", 5_000)
    await scene.pays(second, "shared", 5_000)
    return PRICE_MINOR - int((await scene.line(second))["owed_minor"])


async def one_reference_pays_in_two_currencies(scene: Scene) -> int:
    """One line of a statement pays in yen, too."""
    buyer = await scene.buyer()
    await scene.pays(buyer, "exchanged", 5_000)
    answer = await scene.pays(buyer, "exchanged", 5_000, currency="JPY")
    return 5_000 if answer.is_success else 0


async def who_asks_to_pay_confirms_it(scene: Scene) -> int:
    """The member confirms the claim, as a member and as an operator of the same name."""
    buyer = await scene.buyer()
    me = the_member(buyer.member_id)
    claimed = await scene.people.ask(me, "POST", f"/v1/members/{buyer.member_id}/repayments", amount_minor=PRICE_MINOR)
    path = f"/v1/repayments/{claimed.json()['repayment_id']}/confirmation"
    evidence = {"amount_minor": PRICE_MINOR, "bank": "icbc", "reference": f"own-{scene.run}"}
    for who in (me, Principal(buyer.member_id, "operator")):
        await scene.people.ask(who, "POST", path, **evidence)
    return await scene.cash(buyer)


async def a_refund_is_sent_twice(scene: Scene) -> int:
    """The merchant refunds under one id, many times at once, and is owed to the member once."""
    buyer = await scene.buyer()
    await scene.pays(buyer, "refunded-twice")
    await asyncio.gather(*(scene.refund(buyer, f"again-{buyer.member_id}", 4_000) for _ in range(AT_ONCE)))
    await scene.refunds_booked(buyer)
    return int((await scene.line(buyer))["credit_minor"]) - 4_000


async def more_is_refunded_than_was_paid(scene: Scene) -> int:
    """The merchant refunds all of the order under many ids, at once."""
    buyer = await scene.buyer()
    await scene.pays(buyer, "refunded-more")
    await asyncio.gather(*(scene.refund(buyer, f"more-{buyer.member_id}-{n}") for n in range(AT_ONCE)))
    await scene.refunds_booked(buyer)
    return int((await scene.line(buyer))["credit_minor"]) - PRICE_MINOR


async def unpaid_goods_are_refunded_and_paid_out(scene: Scene) -> int:
    """The claim is open, the merchant refunds, an operator pays out."""
    buyer = await scene.buyer()
    path = f"/v1/members/{buyer.member_id}/repayments"
    await scene.people.ask(the_member(buyer.member_id), "POST", path, amount_minor=PRICE_MINOR)
    await scene.refund(buyer, f"unpaid-{buyer.member_id}")
    await scene.refunds_booked(buyer)
    await _pay_out(scene, buyer, ONE, 100)
    return -await scene.cash(buyer)


async def waived_goods_are_refunded_and_paid_out(scene: Scene) -> int:
    """Two operators waive the debt, the merchant refunds the order, an operator pays out."""
    buyer = await scene.buyer()
    waived = await _waive(scene, buyer, ONE, PRICE_MINOR)
    await scene.people.ask(OTHER, "POST", f"/v1/proposals/{waived['proposal_id']}/approval", **WHY)
    await scene.refund(buyer, f"waived-{buyer.member_id}")
    await scene.refunds_booked(buyer)
    await _pay_out(scene, buyer, ONE, 100)
    return -await scene.cash(buyer) + int((await scene.line(buyer))["credit_minor"])


async def one_operator_waives_in_slices(scene: Scene) -> int:
    """Slices below the threshold, one after the other."""
    buyer = await scene.buyer()
    for _ in range(5):
        await _waive(scene, buyer, ONE, 3_000)
    return _beyond(PRICE_MINOR - int((await scene.line(buyer))["owed_minor"]), ALONE_MINOR)


async def one_operator_waives_in_slices_at_once(scene: Scene) -> int:
    """Slices below the threshold, all at once."""
    buyer = await scene.buyer()
    await asyncio.gather(*(_waive(scene, buyer, ONE, 2_000) for _ in range(AT_ONCE)))
    return _beyond(PRICE_MINOR - int((await scene.line(buyer))["owed_minor"]), ALONE_MINOR)


async def many_operators_waive_a_slice_each(scene: Scene) -> int:
    """Slices below the threshold, each by another operator, at once."""
    buyer = await scene.buyer()
    slices = (_waive(scene, buyer, an_operator(f"ops-{n}"), 2_000) for n in range(10, 10 + AT_ONCE))
    await asyncio.gather(*slices)
    return _beyond(PRICE_MINOR - int((await scene.line(buyer))["owed_minor"]), ALONE_MINOR)


async def one_operator_pays_out_in_slices_at_once(scene: Scene) -> int:
    """The member is owed money that came; slices below the threshold, all at once."""
    buyer = await scene.buyer()
    await scene.pays(buyer, "sliced")
    await scene.refund(buyer, f"sliced-{buyer.member_id}")
    await scene.refunds_booked(buyer)
    slicing = an_operator(f"slices-{scene.run}")
    await asyncio.gather(*(_pay_out(scene, buyer, slicing, 2_000) for _ in range(AT_ONCE)))
    return _beyond(PRICE_MINOR - await scene.cash(buyer), ALONE_MINOR)


async def who_proposes_approves(scene: Scene) -> int:
    """One operator proposes a waiver and approves it, as an operator and as an administrator."""
    buyer = await scene.buyer()
    proposed = await _waive(scene, buyer, ONE, PRICE_MINOR)
    for who in (
        ONE,
        Principal(ONE.subject, "admin"),
        Principal(buyer.member_id, "operator"),
        the_merchant(scene.shop),
    ):
        await scene.people.ask(who, "POST", f"/v1/proposals/{proposed['proposal_id']}/approval", **WHY)
    return PRICE_MINOR - int((await scene.line(buyer))["owed_minor"])


async def one_operator_raises_a_line_to_nine_billion(scene: Scene) -> int:
    """One operator, one request."""
    buyer = await scene.buyer()
    await _raise(scene, buyer, NINE_BILLION_MINOR)
    return int((await scene.line(buyer))["limit_minor"]) - LINE_MINOR


async def one_operator_raises_a_line_in_slices(scene: Scene) -> int:
    """Slices below the threshold, one after the other, and then at once."""
    buyer = await scene.buyer()
    for step in range(1, 5):
        await _raise(scene, buyer, LINE_MINOR + step * 40_000)
    await asyncio.gather(*(_raise(scene, buyer, LINE_MINOR + n * 20_000) for n in range(5, 5 + AT_ONCE)))
    return _beyond(int((await scene.line(buyer))["limit_minor"]) - LINE_MINOR, RAISED_ALONE_MINOR)


async def a_merchant_uses_a_right_without_the_member(scene: Scene) -> int:
    """The merchant uses a right without a code, and with guesses; the last guess is the code, which is void by then."""
    buyer = await scene.buyer()
    right = f"/v1/agreements/{buyer.agreement_id}/rights/spa"
    code = (await scene.people.ask(the_member(buyer.member_id), "POST", f"{right}/codes")).json()["code"]
    for number, guess in enumerate((None, *["AAAAAAAAAA"] * 5, code)):
        body = {"use_id": f"use-{number}"} | ({"code": guess} if guess else {})
        await scene.people.ask(the_merchant(scene.shop), "POST", f"{right}/uses", **body)
    sql = "SELECT count(*) FROM accrual WHERE agreement_id = $1 AND kind = 'right'"
    return int(await scene.fetchval(sql, buyer.agreement_id))


async def a_merchant_uses_one_code_many_times(scene: Scene) -> int:
    """The member shows one code, and the merchant uses it for many uses at once."""
    buyer = await scene.buyer()
    right = f"/v1/agreements/{buyer.agreement_id}/rights/spa"
    code = (await scene.people.ask(the_member(buyer.member_id), "POST", f"{right}/codes")).json()["code"]
    shop = the_merchant(scene.shop)
    uses = (scene.people.ask(shop, "POST", f"{right}/uses", use_id=f"u-{n}", code=code) for n in range(AT_ONCE))
    await asyncio.gather(*uses)
    sql = "SELECT count(*) FROM accrual WHERE agreement_id = $1 AND kind = 'right'"
    return int(await scene.fetchval(sql, buyer.agreement_id)) - 1


async def _waive(scene: Scene, buyer: Buyer, who: Principal, amount_minor: int) -> dict[str, str]:
    path = f"/v1/agreements/{buyer.agreement_id}/waivers"
    debt_id = f"order:{buyer.order_id}"
    answer = await scene.people.ask(who, "POST", path, **WHY, debt_id=debt_id, amount_minor=amount_minor)
    found: dict[str, str] = answer.json()
    return found


async def _pay_out(scene: Scene, buyer: Buyer, who: Principal, amount_minor: int) -> None:
    await scene.people.ask(who, "POST", f"/v1/members/{buyer.member_id}/payouts", **WHY, amount_minor=amount_minor)


async def _raise(scene: Scene, buyer: Buyer, limit_minor: int) -> None:
    await scene.people.ask(ONE, "PUT", f"/v1/members/{buyer.member_id}/line", **WHY, limit_minor=limit_minor)


def _beyond(given_minor: int, allowed_minor: int) -> int:
    return max(0, given_minor - allowed_minor)


WAYS: Final[tuple[Way, ...]] = (
    a_member_declares_their_own_repayment,
    a_member_brings_a_reference_of_their_own,
    one_reference_pays_twice,
    one_reference_pays_for_two_members,
    one_reference_pays_in_two_currencies,
    who_asks_to_pay_confirms_it,
    a_refund_is_sent_twice,
    more_is_refunded_than_was_paid,
    unpaid_goods_are_refunded_and_paid_out,
    waived_goods_are_refunded_and_paid_out,
    one_operator_waives_in_slices,
    one_operator_waives_in_slices_at_once,
    many_operators_waive_a_slice_each,
    one_operator_pays_out_in_slices_at_once,
    who_proposes_approves,
    one_operator_raises_a_line_to_nine_billion,
    one_operator_raises_a_line_in_slices,
    a_merchant_uses_a_right_without_the_member,
    a_merchant_uses_one_code_many_times,
)
