"""What viewers ask of the card on a post, and how far it is."""

from typing import Annotated, Final

from fastapi import Query, Response
from pydantic import Field

from lutong_chassis import Ask, Read, Who, allowed, audited, not_found, routes
from lutong_chassis.http.problems import documented
from lutong_contracts.values import Identifier
from lutong_feed.bodies import NewRequest, Tap, Viewer
from lutong_feed.domain import OrderLine
from lutong_feed.engagements import store
from lutong_feed.engagements.domain import CancelRequest, RequestService, SolveCard, TapCard
from lutong_feed.engagements.handlers import view
from lutong_feed.paging.domain import after
from lutong_feed.paging.http import Page, walk
from lutong_feed.touches.http import Touches
from lutong_feed.views import CardView, ListedRequestView, RequestView

router = routes("feed")
_GONE: Final = documented(410)


class LongPage(Page):
    """Which page of requests is wanted."""

    limit: int = Field(100, ge=1, le=100)


@router.post("/v1/posts/{post_id}/card/taps", status_code=201, response_model=CardView, responses=_GONE)
@allowed("member", "operator")
@audited("card.tap", own="member", shows=("viewer_id",))
async def tap_card(post_id: Identifier, viewer: Tap, who: Who, touches: Touches, ask: Ask) -> Response:
    """Open the mini-program from the card; the answer has the page and its version, as it was shown to this viewer. A viewer counts once.

    A `touch` that the feed did not sign is refused; one of more than a week ago is left out.
    """
    who.require(member=viewer.viewer_id, hide=("account", viewer.viewer_id))
    touch = touches.believed(viewer.touch, viewer.viewer_id, post_id)
    where = (viewer.region, viewer.device, viewer.host, viewer.platform, viewer.scene)
    return await ask(TapCard(post_id, viewer.viewer_id, touch, *where))


@router.post("/v1/posts/{post_id}/card/solutions", status_code=201, response_model=dict[str, str], responses=_GONE)
@allowed("member", "operator")
@audited("card.solve", own="member", shows=("viewer_id",))
async def solve(post_id: Identifier, viewer: Viewer, who: Who, ask: Ask) -> Response:
    """Report that a viewer got done in the mini-program what the post was about. A viewer counts once."""
    who.require(member=viewer.viewer_id, hide=("account", viewer.viewer_id))
    return await ask(SolveCard(post_id, viewer.viewer_id))


@router.post("/v1/posts/{post_id}/card/requests", status_code=202, response_model=RequestView, responses=_GONE)
@allowed("member", "operator")
@audited("request.place", own="member", shows=("viewer_id", "total_minor"))
async def request_service(post_id: Identifier, wanted: NewRequest, who: Who, touches: Touches, ask: Ask) -> Response:
    """Join the light membership on credit and order, in one go. Prices are those of the version that the viewer sees.

    A `touch` that the feed did not sign is refused; one of more than a week ago is left out.
    """
    who.require(member=wanted.viewer_id, hide=("account", wanted.viewer_id))
    lines = tuple(OrderLine(line.sku, line.units) for line in wanted.lines)
    destination = wanted.destination.coarse()
    return await ask(
        RequestService(
            post_id,
            wanted.viewer_id,
            lines,
            destination,
            wanted.mode,
            wanted.coupon_id,
            wanted.expected_total_minor,
            wanted.slot_hold_id,
            wanted.flagship_ok,
            wanted.address_id,
            wanted.sold_by,
            touches.believed(wanted.touch, wanted.viewer_id, post_id),
            wanted.region,
            wanted.device,
            wanted.host,
            wanted.platform,
        )
    )


@router.post("/v1/requests/{order_id}/cancellation", status_code=202, response_model=RequestView)
@allowed("member", "operator")
@audited("request.cancel", own="member")
async def cancel_request(order_id: Identifier, viewer: Viewer, who: Who, ask: Ask) -> Response:
    """Ask to cancel; it takes effect unless the goods have left."""
    who.require(member=viewer.viewer_id, hide=("account", viewer.viewer_id))
    return await ask(CancelRequest(order_id, viewer.viewer_id))


@router.get("/v1/requests/{order_id}")
@allowed("member", "operator")
async def get_request(order_id: Identifier, who: Who, read: Read) -> RequestView:
    """A request, and how far it is."""
    request = (await store.requests(read, [order_id])).get(order_id) or not_found("request", order_id)
    who.require(member=request.viewer_id, hide=("request", order_id))
    return view(request)


@router.get("/v1/accounts/{account_id}/requests")
@allowed("member", "operator")
async def list_requests(
    account_id: Identifier,
    who: Who,
    touches: Touches,
    read: Read,
    page: Annotated[LongPage, Query()],
    response: Response,
) -> list[ListedRequestView]:
    """A viewer's requests, the latest first; `Lutong-Next-Cursor` leads to those before, and is absent on the last page."""
    who.require(member=account_id, hide=("account", account_id))
    way = walk(touches, who, f"requests {account_id}")
    before = page.before(way)
    rows = await store.requests_of(read, account_id, before, page.limit + 1)
    if len(rows) > page.limit:
        response.headers["lutong-next-cursor"] = way.word(
            after(before, [row.requested_at for row in rows[: page.limit]])
        )
    return [ListedRequestView(title=row.title, **row.request._asdict()) for row in rows[: page.limit]]
