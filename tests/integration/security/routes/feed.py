"""Routes of feed: accounts, posts, events, cards and requests."""

from typing import Final

from lutong_chassis.testing import a_member, bearer
from lutong_contracts.registry import ServiceDiscovered, VersionReleased
from lutong_contracts.topics import ACCOUNTS
from lutong_contracts.values import Money, Offer
from tests.integration.security.callers import (
    ACME,
    ANN,
    ANYBODY,
    DONE_BY_ITS_MEMBER,
    DONE_BY_ITS_PARTIES,
    DONE_BY_OPERATORS,
    DONE_BY_THE_MEMBER,
    EVE,
    PUBLISHED_BY_OTHERS,
    READ_BY_ITS_MEMBER,
    READ_BY_PUBLISHERS,
)
from tests.integration.security.routes.operations import OPERATIONS, entities_of
from tests.integration.security.world import Asked, Matrix, World, fixed
from tests.support.builders import SHANGHAI, a_post

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
    await world.ask("POST", "/v1/posts", {"author_id": ANN, "text": "Tea", "post_id": "p-2"})


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


async def _binding(world: World) -> Asked:
    place = f"/v1/accounts/{ANN}/member"
    (await world.admin.put(place, json={"member_id": "m-1"}, headers=bearer(a_member(ANN)))).raise_for_status()
    return Asked(place, about=ANN)


async def _take_card_off(world: World) -> Asked:
    post_id = world.fresh("off")
    await world.ask("POST", "/v1/posts", {"author_id": ANN, "text": "Tea", "post_id": post_id})
    await world.consume(ServiceDiscovered(post_id=post_id, version=1, matched_by="words", **_SHOP))
    return Asked(f"/v1/posts/{post_id}/card/removal", {"reason": "not_related"}, post_id)


async def _delete_post(world: World) -> Asked:
    post_id = world.fresh("gone")
    await world.ask("POST", "/v1/posts", {"author_id": ANN, "text": "Tea", "post_id": post_id})
    return Asked(f"/v1/posts/{post_id}?reason=spam", about=post_id)


async def _limit_post(world: World) -> Asked:
    post_id = world.fresh("own")
    await world.ask("POST", "/v1/posts", {"author_id": ANN, "text": "Tea", "post_id": post_id})
    return Asked(f"/v1/posts/{post_id}/audience", {"audience": "followers"}, post_id)


async def _publish_draft(world: World) -> Asked:
    place = f"/v1/accounts/{ANN}/drafts/{world.fresh('d')}"
    (await world.admin.put(place, json={"text": "Later"}, headers=bearer(a_member(ANN)))).raise_for_status()
    return Asked(f"{place}/publication", about=ANN)


async def _interactions(world: World) -> Asked:
    """Ann reads a post, and reports that she saw it."""
    read = await world.admin.get("/v1/posts/p-1", headers=bearer(a_member(ANN)))
    seen = [{"touch": read.json()["touch"], "kind": "impression"}]
    return Asked("/v1/interactions", _VIEWER | {"interactions": seen}, ANN)


_BLOCK: Final = fixed(f"/v1/accounts/{ANN}/blocks/{EVE}", about=ANN)
_MUTE: Final = fixed(f"/v1/accounts/{ANN}/mutes/brand", about=ANN)
_FOLLOW: Final = fixed(f"/v1/accounts/{ANN}/follows/brand", about=ANN)

FEED: Final[Matrix] = (
    OPERATIONS
    | entities_of(ACCOUNTS)
    | {
        "PUT /v1/accounts/{account_id}": (DONE_BY_ITS_MEMBER, fixed(f"/v1/accounts/{ANN}", {"name": "Ann"}, ANN)),
        "GET /v1/accounts/{account_id}": (ANYBODY, fixed(f"/v1/accounts/{ANN}")),
        "GET /v1/accounts/{account_id}/posts": (ANYBODY, fixed(f"/v1/accounts/{ANN}/posts")),
        "GET /v1/accounts/{account_id}/programs": (ANYBODY, fixed(f"/v1/accounts/{ANN}/programs")),
        "GET /v1/accounts/{account_id}/placements/{placement}": (
            DONE_BY_ITS_MEMBER,
            fixed(f"/v1/accounts/{ANN}/placements/home", about=ANN),
        ),
        "POST /v1/accounts/batch": (
            DONE_BY_OPERATORS,
            fixed("/v1/accounts/batch", {"accounts": [{"account_id": ANN, "name": "Ann"}]}),
        ),
        "PUT /v1/accounts/{account_id}/follows/{followee_id}": (DONE_BY_ITS_MEMBER, _FOLLOW),
        "DELETE /v1/accounts/{account_id}/follows/{followee_id}": (DONE_BY_ITS_MEMBER, _FOLLOW),
        "GET /v1/accounts/{account_id}/apart": (DONE_BY_ITS_MEMBER, fixed(f"/v1/accounts/{ANN}/apart", about=ANN)),
        "PUT /v1/accounts/{account_id}/blocks/{other_id}": (DONE_BY_ITS_MEMBER, _BLOCK),
        "DELETE /v1/accounts/{account_id}/blocks/{other_id}": (DONE_BY_ITS_MEMBER, _BLOCK),
        "PUT /v1/accounts/{account_id}/mutes/{other_id}": (DONE_BY_ITS_MEMBER, _MUTE),
        "DELETE /v1/accounts/{account_id}/mutes/{other_id}": (DONE_BY_ITS_MEMBER, _MUTE),
        "GET /v1/accounts/{account_id}/member": (DONE_BY_ITS_MEMBER, _binding),
        "PUT /v1/accounts/{account_id}/member": (
            DONE_BY_THE_MEMBER,
            fixed(f"/v1/accounts/{ANN}/member", {"member_id": "m-1"}, ANN),
        ),
        "DELETE /v1/accounts/{account_id}/member": (
            DONE_BY_ITS_MEMBER,
            fixed(f"/v1/accounts/{ANN}/member", about=ANN),
        ),
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
        "GET /v1/mentions/{word}": (ANYBODY, fixed("/v1/mentions/brand")),
        "GET /v1/accounts/{account_id}/drafts": (DONE_BY_THE_MEMBER, fixed(f"/v1/accounts/{ANN}/drafts", about=ANN)),
        "PUT /v1/accounts/{account_id}/drafts/{draft_id}": (
            DONE_BY_THE_MEMBER,
            fixed(f"/v1/accounts/{ANN}/drafts/d-1", {"text": "Later"}, ANN),
        ),
        "DELETE /v1/accounts/{account_id}/drafts/{draft_id}": (
            DONE_BY_THE_MEMBER,
            fixed(f"/v1/accounts/{ANN}/drafts/d-1", about=ANN),
        ),
        "POST /v1/accounts/{account_id}/drafts/{draft_id}/publication": (DONE_BY_THE_MEMBER, _publish_draft),
        "PATCH /v1/posts/{post_id}": (DONE_BY_THE_MEMBER, fixed("/v1/posts/p-2", {"text": "Coffee"}, "p-2")),
        "GET /v1/posts/{post_id}/revisions": (ANYBODY, fixed("/v1/posts/p-1/revisions")),
        "DELETE /v1/accounts/{account_id}/drafts": (DONE_BY_ITS_MEMBER, fixed(f"/v1/accounts/{ANN}/drafts", about=ANN)),
        "PUT /v1/posts/{post_id}/audience": (DONE_BY_ITS_MEMBER, _limit_post),
        "PUT /v1/accounts/{account_id}/vertical": (
            DONE_BY_ITS_MEMBER,
            fixed(f"/v1/accounts/{ANN}/vertical", {"vertical": "food"}, ANN),
        ),
        "GET /v1/accounts/{account_id}/reads": (ANYBODY, fixed(f"/v1/accounts/{ANN}/reads")),
        "GET /v1/verticals": (ANYBODY, fixed("/v1/verticals")),
        "DELETE /v1/posts/{post_id}": (DONE_BY_ITS_MEMBER, _delete_post),
        "GET /v1/posts/{post_id}/interactions": (READ_BY_ITS_MEMBER, fixed("/v1/posts/p-2/interactions", about="p-2")),
        "GET /v1/posts/{post_id}/funnel": (READ_BY_ITS_MEMBER, fixed("/v1/posts/p-2/funnel", about="p-2")),
        "POST /v1/interactions": (DONE_BY_ITS_MEMBER, _interactions),
        "POST /v1/posts/{post_id}/card/removal": (DONE_BY_ITS_PARTIES, _take_card_off),
        "POST /v1/posts/{post_id}/card/taps": (DONE_BY_ITS_MEMBER, fixed("/v1/posts/p-1/card/taps", _VIEWER, ANN)),
        "POST /v1/posts/{post_id}/card/solutions": (
            DONE_BY_ITS_MEMBER,
            fixed("/v1/posts/p-1/card/solutions", _VIEWER, ANN),
        ),
        "POST /v1/posts/{post_id}/card/requests": (
            DONE_BY_ITS_MEMBER,
            fixed("/v1/posts/p-1/card/requests", _WANTED, ANN),
        ),
        "POST /v1/requests/{order_id}/cancellation": (DONE_BY_ITS_MEMBER, _cancel_request),
        "GET /v1/requests/{order_id}": (DONE_BY_ITS_MEMBER, _read_request),
        "GET /v1/accounts/{account_id}/requests": (
            DONE_BY_ITS_MEMBER,
            fixed(f"/v1/accounts/{ANN}/requests", about=ANN),
        ),
        "GET /v1/accounts/{account_id}/timeline": (
            DONE_BY_ITS_MEMBER,
            fixed(f"/v1/accounts/{ANN}/timeline", about=ANN),
        ),
    }
)
