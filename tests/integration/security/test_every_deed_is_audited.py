"""What staff does is on record, whatever the route; what members and merchants do with their own is not."""

from typing import Final

import pytest

from lutong_chassis.auth import Principal
from lutong_chassis.testing import a_member, a_merchant, an_operator
from tests.integration.security.audits import done, exported
from tests.integration.security.callers import ACME, ANN, IN
from tests.integration.security.conftest import WorldOf
from tests.integration.security.matrix import SERVICES
from tests.integration.security.world import Asked, World

NAMES: Final = list(SERVICES)
SAFE: Final = ("GET",)
OF_A_MEMBER: Final = frozenset({
    "POST /v1/orders/{order_id}/cancellation", "POST /v1/orders/{order_id}/refunds",
    "POST /v1/agreements/{agreement_id}/rights/{right_id}/uses",
    "DELETE /v1/agreements/{agreement_id}/rights/{right_id}/uses/{use_id}", "POST /v1/coupons/{coupon_id}/void",
    "POST /v1/events", "POST /v1/posts/{post_id}/card/removal", "POST /v1/orders/{order_id}/address",
    "POST /v1/services/{order_id}/refunds",
})  # fmt: skip
"""Where a merchant acts on the money, goods or name of a member."""

ALWAYS: Final = frozenset({"DELETE /v1/members/{member_id}/addresses"})
"""On record also when a member does it with their own: who restores a backup has to do it again."""


CHANGE_NOTHING: Final = frozenset(
    {
        "POST /operations/parked/preflight",
        "POST /v1/discoveries/previews",
        "POST /v1/availability",
        "POST /v1/merchants/{merchant_id}/sourcing-rules/what-if",
    }
)
"""Questions with a body: what they try is rolled back, or nothing is tried."""


async def unaudited(world: World, name: str, who: Principal) -> list[str]:
    """Commands that were allowed and that left no row of the caller, or one that was not exported."""
    found = []
    column = 2 if who.is_staff else 4 if who.role == "merchant" else 6
    for route, (row, make) in SERVICES[name][1].items():
        method = route.split()[0]
        if method in SAFE or row[column] != IN:
            continue
        answer, rows = await done(world, who, method, await make(world), "a test")
        assert answer.is_success, f"{route}: {answer.text}"
        exports = await exported(world)
        if not rows or any((r["actor"], r["role"]) != (who.subject, who.role) or r["id"] not in exports for r in rows):
            found.append(route)
    return found


@pytest.mark.parametrize("name", NAMES)
async def test_each_command_of_an_operator_leaves_a_row_and_an_event(name: str, world_of: WorldOf) -> None:
    quiet = await unaudited(await world_of(name), name, an_operator())
    assert set(quiet) == CHANGE_NOTHING & SERVICES[name][1].keys()


@pytest.mark.parametrize("name", NAMES)
async def test_a_command_that_comes_again_is_no_bug(name: str, world_of: WorldOf) -> None:
    world, bugs = await world_of(name), []
    for route, (row, make) in SERVICES[name][1].items():
        if not route.startswith(SAFE) and row[2] == IN:
            asked = await make(world)
            answers = [(await done(world, an_operator(), route.split()[0], asked))[0] for _ in range(2)]
            bugs += [f"{route}: {answer.text}" for answer in answers if answer.status_code >= 500]
    assert bugs == []


@pytest.mark.parametrize("name", NAMES)
async def test_a_merchant_leaves_rows_where_a_member_is_touched(name: str, world_of: WorldOf) -> None:
    quiet = await unaudited(await world_of(name), name, a_merchant(ACME))
    commands = {route for route, (row, _) in SERVICES[name][1].items() if row[4] == IN and not route.startswith(SAFE)}
    assert set(quiet) == commands - OF_A_MEMBER


@pytest.mark.parametrize("name", NAMES)
async def test_a_member_with_their_own_leaves_no_row(name: str, world_of: WorldOf) -> None:
    quiet = await unaudited(await world_of(name), name, a_member(ANN))
    own = {r for r, (row, _) in SERVICES[name][1].items() if row[6] == IN and not r.startswith(SAFE)}
    assert set(quiet) == own - ALWAYS


REASONED: Final = {
    "registry": (
        "POST /v1/programs/{program_id}/versions/{version}/release",
        "POST /v1/programs/{program_id}/versions/{version}/rollback",
        "POST /v1/programs/{program_id}/versions/{version}/withdrawal",
        "POST /v1/programs/{program_id}/versions/{version}/gray",
        "DELETE /v1/programs/{program_id}/suspension",
    ),
    "inventory": ("POST /v1/orders/{order_id}/refunds",),
    "membership": (
        "POST /v1/coupon-stocks/{stock_id}/coupons",
        "DELETE /v1/agreements/{agreement_id}/rights/{right_id}/uses/{use_id}",
    ),
}
"""Where staff acts on the money, suspension or release of another, and the body has no reason."""


@pytest.mark.parametrize(("name", "route"), [(name, route) for name, routes in REASONED.items() for route in routes])
async def test_staff_gives_a_reason_and_a_merchant_need_not(name: str, route: str, world_of: WorldOf) -> None:
    world, (method, make) = await world_of(name), (route.split(maxsplit=1)[0], SERVICES[name][1][route][1])
    asked = await make(world)
    answer, rows = await done(world, an_operator(), method, asked)
    assert (answer.status_code, answer.json()["type"], rows) == (422, "urn:lutong:problem:reason_missing", [])
    answer, rows = await done(world, an_operator(), method, asked, "as agreed")
    assert (answer.is_success, {row["reason"] for row in rows}) == (True, {"as agreed"}), answer.text
    if SERVICES[name][1][route][0][4] == IN:
        answer, _ = await done(world, a_merchant(ACME), method, await make(world))
        assert answer.is_success, answer.text


async def test_a_refused_command_leaves_no_row(world_of: WorldOf) -> None:
    world = await world_of("membership")
    answer, rows = await done(
        world, an_operator(), "POST", Asked("/v1/members/bob/payouts", {"amount_minor": 10**9, "reason": "a test"})
    )
    assert (answer.status_code, rows) == (409, [])
