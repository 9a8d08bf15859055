"""Who may do what, said a second time: every route of every service, and what each kind of caller gets.

The services say it once, beside their routes; this table says it on its own, so that a slip in one is
noticed by the other. Everything asked for belongs to the merchant acme and the member ann.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import count
from typing import Any, Final

import httpx

from lutong_chassis import Service, parking
from lutong_chassis.auth import Principal
from lutong_chassis.database import Pool
from lutong_chassis.parking import ParkCandidate, StoredRecord
from lutong_chassis.testing import (
    a_member,
    a_merchant,
    a_viewer,
    an_admin,
    an_operator,
    bearer,
    deliver,
    in_transaction,
)
from lutong_contracts import Event
from lutong_contracts.inventory import OrderRefunded
from lutong_contracts.registry import ServiceDiscovered, VersionReleased
from lutong_contracts.values import Money, Offer
from tests.integration.membership.story import tell
from tests.support.builders import GOOD_PROFILE, SHANGHAI, a_cancellation, a_hold, a_post, a_request, fulfilled
from tests.support.harness import a_record

ACME: Final = "acme"
ANN: Final = "ann-1"
EVE: Final = "eve-1"

ACTORS: Final[dict[str, Principal | None]] = {
    "anonymous": None,
    "viewer": a_viewer(),
    "operator": an_operator(),
    "admin": an_admin(),
    "its merchant": a_merchant(ACME),
    "another merchant": a_merchant("rival"),
    "its member": a_member(ANN),
    "another member": a_member(EVE),
}
IN: Final = 200
"""Let in, and answered well: any 2xx."""

Row = tuple[int, ...]
"""What each of the actors gets, in their order."""

#                        anonymous viewer operator admin  merchant, another  member, another
ANYBODY: Final[Row] = (401, IN, IN, IN, IN, IN, IN, IN)
READ_BY_STAFF: Final[Row] = (401, IN, IN, IN, 403, 403, 403, 403)
DONE_BY_OPERATORS: Final[Row] = (401, 403, IN, IN, 403, 403, 403, 403)
DONE_BY_ITS_MERCHANT: Final[Row] = (401, 403, IN, IN, IN, 404, 403, 403)
READ_BY_ITS_MERCHANT: Final[Row] = (401, IN, IN, IN, IN, 404, 403, 403)
DONE_BY_ITS_MEMBER: Final[Row] = (401, 403, IN, IN, 403, 403, IN, 404)
CLAIMED_BY_ITS_MEMBER: Final[Row] = (401, 403, 422, 422, 403, 403, IN, 404)  # operators need evidence beside it
DONE_BY_THE_MEMBER: Final[Row] = (401, 403, 403, 403, 403, 403, IN, 404)
READ_BY_ITS_MEMBER: Final[Row] = (401, IN, IN, IN, 403, 403, IN, 404)
PUBLISHED_BY_OTHERS: Final[Row] = (401, 403, IN, IN, IN, IN, IN, IN)
READ_BY_PUBLISHERS: Final[Row] = (401, IN, IN, IN, IN, IN, IN, IN)
READ_BY_ITS_PARTIES: Final[Row] = (401, IN, IN, IN, IN, 404, IN, 404)


@dataclass(frozen=True, slots=True)
class Asked:
    """A request. `about` is the id, in its path or body, by whose owner it is judged."""

    path: str
    body: Any = None
    about: str = ""


@dataclass(slots=True)
class World:
    """A service's database with what acme and ann have; `admin` asks the service."""

    service: Service
    pool: Pool
    admin: httpx.AsyncClient
    numbers: "count[int]" = field(default_factory=count)

    def fresh(self, what: str) -> str:
        """An id that is not used yet."""
        return f"{what}-{next(self.numbers)}"

    async def ask(self, method: str, path: str, body: object = None) -> Any:  # noqa: ANN401  # JSON
        """Arrange something by the service's own routes."""
        answer = await self.admin.request(method, path, json=body)
        answer.raise_for_status()
        return answer.json() if answer.content else None

    async def consume(self, *events: Event) -> None:
        """Arrange something by what others say."""
        await deliver(self.pool, self.service.handlers, *events)


Ask = Callable[[World], Awaitable[Asked]]
Matrix = dict[str, tuple[Row, Ask]]


def fixed(path: str, body: object = None, about: str = "") -> Ask:
    """The same request every time."""

    async def ask(_world: World) -> Asked:
        return Asked(path, body, about)

    return ask


# Every service


async def _parked(world: World) -> int:
    """A record that was set aside, and can be handled now."""
    order_id = world.fresh("unknown")
    event = a_cancellation(order_id) if world.service.name == "inventory" else fulfilled(order_id)
    key, value, headers = a_record(event)
    at = round(datetime.now(UTC).timestamp() * 1000)
    record = StoredRecord(event.topic.name, 0, next(world.numbers), at, key.encode(), value, headers)
    async with in_transaction(world.pool) as tx:
        await parking.park(tx, [ParkCandidate(record, "parked", "bug", "a bug")])
        parked_id: int = await tx.fetchval("SELECT max(id) FROM parked")
    return parked_id


async def _redrive(world: World) -> Asked:
    return Asked(f"/operations/parked/{await _parked(world)}/redrive", {"reason": "fixed"})


async def _show(world: World) -> Asked:
    return Asked(f"/operations/parked/{await _parked(world)}")


async def _reveal(world: World) -> Asked:
    return Asked(f"/operations/parked/{await _parked(world)}/reveal", {"reason": "to tell the publisher"})


async def _skip(world: World) -> Asked:
    """A record that the service tries again now, as its consumer wrote it down."""
    topic, offset = world.service.handlers.topics[0].name, 1_000_000 + next(world.numbers)
    await world.pool.execute(
        """
        INSERT INTO retrying (topic, partition, since, attempts, error, offsets, timestamps)
        VALUES ($1, 0, now(), 9, 'TypeError at x.py:1', ARRAY[$2::bigint], '{0}')
            ON CONFLICT (topic, partition) DO UPDATE SET offsets = excluded.offsets
        """,
        topic,
        offset,
    )
    return Asked("/operations/parked/skip", {"reason": "stuck", "topic": topic, "partition": 0, "offset": offset})


async def _discard(world: World) -> Asked:
    return Asked(f"/operations/parked/{await _parked(world)}/discard", {"reason": "garbage"})


OPERATIONS: Final[Matrix] = {
    "GET /operations/parked": (READ_BY_STAFF, fixed("/operations/parked")),
    "GET /operations/parked/{parked_id}": (READ_BY_STAFF, _show),
    "POST /operations/parked/{parked_id}/reveal": (DONE_BY_OPERATORS, _reveal),
    "POST /operations/parked/skip": (DONE_BY_OPERATORS, _skip),
    "GET /operations/consumer": (READ_BY_STAFF, fixed("/operations/consumer")),
    "GET /operations/audit": (READ_BY_STAFF, fixed("/operations/audit")),
    "GET /operations/journeys": (READ_BY_STAFF, fixed("/operations/journeys?of=o-1")),
    "GET /operations/journeys/{correlation_id}": (READ_BY_STAFF, fixed("/operations/journeys/j-1")),
    "POST /operations/parked/{parked_id}/redrive": (DONE_BY_OPERATORS, _redrive),
    "POST /operations/parked/{parked_id}/discard": (DONE_BY_OPERATORS, _discard),
    "POST /operations/republication": (
        DONE_BY_OPERATORS,
        fixed("/operations/republication", {"reason": "lost", "since": "2030-01-01T00:00:00Z"}),
    ),
    "GET /v1/summary": (READ_BY_STAFF, fixed("/v1/summary")),
}

# Feed

_SHOP: Final = {"program_id": "g-1", "merchant_id": ACME, "title": "Shop", "page": "pages/index"}
_TEA: Final = Offer(sku="tea", title="Tea", unit_price=Money(amount_minor=300, currency="CNY"))
_VIEWER: Final = {"viewer_id": ANN}
_WANTED: Final = _VIEWER | {"lines": [{"sku": "tea", "units": 1}], "destination": SHANGHAI.model_dump()}


async def a_feed(world: World) -> None:
    """Ann, Eve and a brand; a post whose card can be opened."""
    accounts = [{"account_id": name, "name": name} for name in (ANN, EVE, "brand")]
    await world.ask("POST", "/v1/accounts/batch", {"accounts": accounts})
    await world.consume(VersionReleased(version=1, offers=(_TEA,), **_SHOP))
    await world.ask("POST", "/v1/posts", {"author_id": "brand", "text": "Tea", "post_id": "p-1"})
    await world.consume(ServiceDiscovered(post_id="p-1", version=1, matched_by="words", **_SHOP))


async def _request(world: World) -> str:
    order_id: str = (await world.ask("POST", "/v1/posts/p-1/card/requests", _WANTED))["order_id"]
    return order_id


async def _read_request(world: World) -> Asked:
    order_id = await _request(world)
    return Asked(f"/v1/requests/{order_id}", about=order_id)


async def _cancel_request(world: World) -> Asked:
    return Asked(f"/v1/requests/{await _request(world)}/cancellation", _VIEWER, ANN)


async def _publish_event(world: World) -> Asked:
    """Each event is judged by itself, so this is let in for any author: see test_publishing.py."""
    post = a_post(world.fresh("p"))
    event = {"specversion": "1.0", "id": post.post_id, "source": "/cms", "type": post.type, "data": post.model_dump()}
    return Asked("/v1/events", [event])


_FOLLOW: Final = fixed(f"/v1/accounts/{ANN}/follows/brand", about=ANN)

FEED: Final[Matrix] = OPERATIONS | {
    "PUT /v1/accounts/{account_id}": (DONE_BY_ITS_MEMBER, fixed(f"/v1/accounts/{ANN}", {"name": "Ann"}, ANN)),
    "POST /v1/accounts/batch": (
        DONE_BY_OPERATORS,
        fixed("/v1/accounts/batch", {"accounts": [{"account_id": ANN, "name": "Ann"}]}),
    ),
    "PUT /v1/accounts/{account_id}/follows/{followee_id}": (DONE_BY_ITS_MEMBER, _FOLLOW),
    "DELETE /v1/accounts/{account_id}/follows/{followee_id}": (DONE_BY_ITS_MEMBER, _FOLLOW),
    "POST /v1/follows/batch": (
        DONE_BY_OPERATORS,
        fixed("/v1/follows/batch", {"follows": [{"follower_id": ANN, "followee_id": "brand"}]}),
    ),
    "POST /v1/posts": (DONE_BY_ITS_MEMBER, fixed("/v1/posts", {"author_id": ANN, "text": "Hello"}, ANN)),
    "POST /v1/posts/batch": (
        DONE_BY_OPERATORS,
        fixed("/v1/posts/batch", {"posts": [{"author_id": ANN, "text": "Hello"}]}),
    ),
    "POST /v1/events": (PUBLISHED_BY_OTHERS, _publish_event),
    "GET /v1/events/rejected": (READ_BY_PUBLISHERS, fixed("/v1/events/rejected")),
    "GET /v1/posts/{post_id}": (ANYBODY, fixed("/v1/posts/p-1")),
    "POST /v1/posts/{post_id}/card/taps": (DONE_BY_ITS_MEMBER, fixed("/v1/posts/p-1/card/taps", _VIEWER, ANN)),
    "POST /v1/posts/{post_id}/card/solutions": (
        DONE_BY_ITS_MEMBER,
        fixed("/v1/posts/p-1/card/solutions", _VIEWER, ANN),
    ),
    "POST /v1/posts/{post_id}/card/requests": (DONE_BY_ITS_MEMBER, fixed("/v1/posts/p-1/card/requests", _WANTED, ANN)),
    "POST /v1/requests/{order_id}/cancellation": (DONE_BY_ITS_MEMBER, _cancel_request),
    "GET /v1/requests/{order_id}": (DONE_BY_ITS_MEMBER, _read_request),
    "GET /v1/accounts/{account_id}/requests": (DONE_BY_ITS_MEMBER, fixed(f"/v1/accounts/{ANN}/requests", about=ANN)),
    "GET /v1/accounts/{account_id}/timeline": (DONE_BY_ITS_MEMBER, fixed(f"/v1/accounts/{ANN}/timeline", about=ANN)),
}

# Registry

_MANIFEST: Final = {"title": "公积金提取", "page": "pages/fund"}
_PROGRAM: Final = {"merchant_id": ACME}
_REASON: Final = {"reason": "unclear"}
_STATES: Final = {"submitted": (), "approved": ("approval",), "released": ("approval", "release")}


async def a_registry(world: World) -> None:
    """Two merchants; a program of acme's that is released, and a post that led to it."""
    for merchant in (ACME, "rival"):
        await world.ask("PUT", f"/v1/merchants/{merchant}", {"name": merchant})
    fund = {"program_id": "fund", "merchant_id": ACME, "manifest": _MANIFEST}
    await world.ask("POST", "/v1/programs/batch", {"programs": [fund]})
    await world.consume(a_post("p-1", "公积金提取新政策"))


async def _program(world: World, *versions: str) -> str:
    """A program of acme's with versions in given states; gives its id."""
    program_id = world.fresh("program")
    await world.ask("PUT", f"/v1/programs/{program_id}", _PROGRAM)
    for number, state in enumerate(versions, 1):
        await world.ask("POST", f"/v1/programs/{program_id}/versions", {"version": number, "manifest": _MANIFEST})
        for verb in _STATES[state]:
            await world.ask("POST", f"/v1/programs/{program_id}/versions/{number}/{verb}")
    return program_id


def _of_a_program(path: str, *versions: str, body: object = None) -> Ask:
    async def ask(world: World) -> Asked:
        program_id = await _program(world, *versions)
        return Asked(f"/v1/programs/{program_id}{path}", body, program_id)

    return ask


async def _register(world: World) -> Asked:
    return Asked(f"/v1/programs/{world.fresh('program')}", _PROGRAM, ACME)


async def _resume(world: World) -> Asked:
    program_id = await _program(world)
    await world.ask("POST", f"/v1/programs/{program_id}/suspension", _REASON)
    return Asked(f"/v1/programs/{program_id}/suspension", about=program_id)


async def _onboard(world: World) -> Asked:
    program = {"program_id": world.fresh("program"), "merchant_id": ACME, "manifest": _MANIFEST}
    return Asked("/v1/programs/batch", {"programs": [program]})


REGISTRY: Final[Matrix] = OPERATIONS | {
    "PUT /v1/merchants/{merchant_id}": (DONE_BY_OPERATORS, fixed(f"/v1/merchants/{ACME}", {"name": "Acme"})),
    "PUT /v1/programs/{program_id}": (DONE_BY_ITS_MERCHANT, _register),
    "POST /v1/programs/{program_id}/versions": (
        DONE_BY_ITS_MERCHANT,
        _of_a_program("/versions", body={"version": 1, "manifest": _MANIFEST}),
    ),
    "POST /v1/programs/{program_id}/versions/{version}/approval": (
        DONE_BY_OPERATORS,
        _of_a_program("/versions/1/approval", "submitted"),
    ),
    "POST /v1/programs/{program_id}/versions/{version}/rejection": (
        DONE_BY_OPERATORS,
        _of_a_program("/versions/1/rejection", "submitted", body=_REASON),
    ),
    "POST /v1/programs/{program_id}/versions/{version}/release": (
        DONE_BY_ITS_MERCHANT,
        _of_a_program("/versions/1/release", "approved"),
    ),
    "POST /v1/programs/{program_id}/versions/{version}/rollback": (
        DONE_BY_ITS_MERCHANT,
        _of_a_program("/versions/2/rollback", "released", "released"),
    ),
    "POST /v1/programs/{program_id}/suspension": (DONE_BY_OPERATORS, _of_a_program("/suspension", body=_REASON)),
    "DELETE /v1/programs/{program_id}/suspension": (DONE_BY_OPERATORS, _resume),
    "POST /v1/programs/batch": (DONE_BY_OPERATORS, _onboard),
    "GET /v1/programs/{program_id}": (ANYBODY, fixed("/v1/programs/fund")),
    "GET /v1/programs": (READ_BY_ITS_MERCHANT, fixed(f"/v1/programs?merchant_id={ACME}", about=ACME)),
    "GET /v1/search": (ANYBODY, fixed("/v1/search?q=fund")),
    "GET /v1/discoveries/{post_id}": (ANYBODY, fixed("/v1/discoveries/p-1")),
}

# Membership

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


DONE_BY_ITS_PARTIES: Final[Row] = (401, 403, IN, IN, IN, 404, IN, 404)

MEMBERSHIP: Final[Matrix] = OPERATIONS | {
    "PUT /v1/plans/{plan_id}": (DONE_BY_ITS_MERCHANT, fixed("/v1/plans/light", _LIGHT, ACME)),
    "GET /v1/plans/{plan_id}": (ANYBODY, fixed("/v1/plans/light")),
    "GET /v1/plans/{plan_id}/versions/{version}": (ANYBODY, fixed("/v1/plans/light/versions/1")),
    "GET /v1/merchants/{merchant_id}/uplift": (READ_BY_ITS_MERCHANT, fixed(f"/v1/merchants/{ACME}/uplift", about=ACME)),
    "PUT /v1/members/{member_id}/profile": (DONE_BY_OPERATORS, fixed(f"/v1/members/{ANN}/profile", GOOD_PROFILE)),
    "DELETE /v1/members/{member_id}/profile": (DONE_BY_OPERATORS, fixed("/v1/members/nobody/profile")),
    "POST /v1/members/profiles/batch": (
        DONE_BY_OPERATORS,
        fixed("/v1/members/profiles/batch", {"profiles": [{"member_id": ANN, **GOOD_PROFILE}]}),
    ),
    "GET /v1/members/{member_id}": (READ_BY_ITS_MEMBER, fixed(f"/v1/members/{ANN}", about=ANN)),
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

# Inventory

_NEAR: Final = {"merchant_id": ACME, "kind": "store", "name": "near", "latitude": 31.24, "longitude": 121.48}


async def an_inventory(world: World) -> None:
    """A store of acme's with tea in it."""
    await world.ask("PUT", "/v1/locations/near", _NEAR)
    await world.ask("PUT", "/v1/locations/near/stock/tea", {"on_hand": 1_000})


async def _order(world: World) -> str:
    """An order of ann's that is sourced from the store."""
    order_id = world.fresh("order")
    await world.consume(a_hold(order_id, merchant_id=ACME).model_copy(update={"member_id": ANN}))
    return order_id


def _of_an_order(path: str, body: object = None) -> Ask:
    async def ask(world: World) -> Asked:
        order_id = await _order(world)
        return Asked(f"/v1/orders/{order_id}{path}", body, order_id)

    return ask


async def _steps(world: World) -> Asked:
    order_id = await _order(world)
    return Asked("/v1/orders/steps/batch", {"order_ids": [order_id], "step": "accepted"}, order_id)


async def _refund(world: World) -> Asked:
    order_id = await _order(world)
    for step in ("accepted", "picked", "handed_over", "fulfilled"):
        await world.ask("POST", f"/v1/orders/{order_id}/steps", {"step": step, "location_id": "near"})
    body = {"refund_id": world.fresh("refund"), "amount_minor": 1}
    return Asked(f"/v1/orders/{order_id}/refunds", body, order_id)


INVENTORY: Final[Matrix] = OPERATIONS | {
    "PUT /v1/locations/{location_id}": (DONE_BY_ITS_MERCHANT, fixed("/v1/locations/near", _NEAR, ACME)),
    "POST /v1/locations/batch": (
        DONE_BY_ITS_MERCHANT,
        fixed("/v1/locations/batch", {"locations": [{"location_id": "near", **_NEAR}]}, ACME),
    ),
    "PUT /v1/locations/{location_id}/stock/{sku}": (
        DONE_BY_ITS_MERCHANT,
        fixed("/v1/locations/near/stock/tea", {"on_hand": 1_000}, "near"),
    ),
    "POST /v1/stock/batch": (
        DONE_BY_ITS_MERCHANT,
        fixed("/v1/stock/batch", {"shelves": [{"location_id": "near", "sku": "tea", "on_hand": 1_000}]}, "near"),
    ),
    "POST /v1/orders/{order_id}/steps": (
        DONE_BY_ITS_MERCHANT,
        _of_an_order("/steps", {"step": "accepted", "location_id": "near"}),
    ),
    "POST /v1/orders/steps/batch": (DONE_BY_ITS_MERCHANT, _steps),
    "POST /v1/orders/{order_id}/cancellation": (DONE_BY_ITS_MERCHANT, _of_an_order("/cancellation", {})),
    "POST /v1/orders/{order_id}/refunds": (DONE_BY_ITS_MERCHANT, _refund),
    "GET /v1/orders/{order_id}": (READ_BY_ITS_PARTIES, _of_an_order("")),
    "GET /v1/locations/{location_id}/orders": (DONE_BY_ITS_MERCHANT, fixed("/v1/locations/near/orders", about="near")),
    "GET /v1/locations/{location_id}/stock": (DONE_BY_ITS_MERCHANT, fixed("/v1/locations/near/stock", about="near")),
}

SERVICES: Final[dict[str, tuple[Callable[[World], Awaitable[None]], Matrix]]] = {
    "feed": (a_feed, FEED),
    "registry": (a_registry, REGISTRY),
    "membership": (a_membership, MEMBERSHIP),
    "inventory": (an_inventory, INVENTORY),
}
