"""What authors and viewers ask of the feed."""

from collections import Counter
from collections.abc import Sequence
from typing import Annotated, Any

import asyncpg
from fastapi import Query

from lutong_chassis import Cause, Problem, Received, Tx, TxDependency, Who, allowed, audited, not_found, routes
from lutong_chassis.audit import Change, record
from lutong_chassis.auth import Principal
from lutong_chassis.http import ingest
from lutong_contracts.feed import CardTapped, PostPublished, RequestCancelled, ServiceRequested, ServiceSolved
from lutong_contracts.values import Identifier
from lutong_feed import domain, on_record, store
from lutong_feed.bodies import (
    Account,
    Accounts,
    CardView,
    Follow,
    Follows,
    NewPost,
    NewPosts,
    NewRequest,
    PostView,
    RequestView,
    Timeline,
    Viewer,
)
from lutong_feed.domain import CANCELLABLE, Cursor, Refusal

router = routes("feed")


@router.put("/v1/accounts/{account_id}")
@allowed("member", "operator")
@audited("account.put", own="member", shows=("kind",))
async def put_account(account_id: Identifier, account: Account, who: Who, tx: TxDependency) -> dict[str, str]:
    """Create an account, or rename it. Only staff changes its kind; a new account is personal by default."""
    who.require(member=account_id, hide=("account", account_id))
    if not who.is_staff and account.kind is not None:
        kind = await store.account_kind(tx, account_id) or "personal"
        if account.kind != kind:
            raise Problem(403, "forbidden", f"the account is {kind}, and staff alone changes that: leave `kind` out")
    await _save_accounts(tx, who, [(account_id, account.name, account.kind)])
    return {"account_id": account_id}


@router.post("/v1/accounts/batch", status_code=201)
@allowed("operator")
@audited("account.put", shows=("kind",))
async def put_accounts(command: Accounts, who: Who, tx: TxDependency) -> dict[str, int]:
    """Create or rename many accounts."""
    await _save_accounts(tx, who, [(a.account_id, a.name, a.kind) for a in command.accounts])
    return {"saved": len(command.accounts)}


@router.put("/v1/accounts/{account_id}/follows/{followee_id}", status_code=204)
@allowed("member", "operator")
@audited("follow.add", own="member", shows=("followee_id",))
async def put_follow(account_id: Identifier, followee_id: Identifier, who: Who, tx: TxDependency) -> None:
    """Follow an account."""
    who.require(member=account_id, hide=("account", account_id))
    await _follow(tx, who, [Follow(follower_id=account_id, followee_id=followee_id)])


@router.delete("/v1/accounts/{account_id}/follows/{followee_id}", status_code=204)
@allowed("member", "operator")
@audited("follow.remove", own="member", shows=("followee_id",))
async def delete_follow(account_id: Identifier, followee_id: Identifier, who: Who, tx: TxDependency) -> None:
    """Stop following an account."""
    who.require(member=account_id, hide=("account", account_id))
    await store.drop_follow(tx, account_id, followee_id)
    if who.is_staff:
        await record(tx, who, on_record.follow_removed(Follow(follower_id=account_id, followee_id=followee_id)))


@router.post("/v1/follows/batch", status_code=201)
@allowed("operator")
@audited("follow.add", shows=("followee_id",))
async def put_follows(command: Follows, who: Who, tx: TxDependency) -> dict[str, int]:
    """Let many accounts follow."""
    await _follow(tx, who, command.follows)
    return {"saved": len(command.follows)}


@router.post("/v1/posts", status_code=201)
@allowed("member", "operator")
@audited("post.publish", own="member", shows=("author_id",))
async def publish_post(post: NewPost, who: Who, tx: TxDependency) -> dict[str, str]:
    """Publish a post. Its card resolves shortly after; the answer's `Lutong-Journey` header names the journey."""
    who.require(member=post.author_id, hide=("account", post.author_id))
    published = _post(tx, post)
    await _publish(tx, [(published, tx.cause)])
    if who.is_staff:
        await record(tx, who, *on_record.posts_published([published]))
    return {"post_id": published.post_id, "journey": tx.cause.correlation_id}


@router.post("/v1/posts/batch", status_code=201)
@allowed("operator")
@audited("post.publish", shows=("author_id",))
async def publish_posts(command: NewPosts, who: Who, tx: TxDependency) -> dict[str, list[str]]:
    """Publish many posts, each on a journey of its own; the first on that of the command."""
    causes = [tx.cause, *(Cause(tx.new_id()) for _ in command.posts[1:])]
    posts = [_post(tx, post) for post in command.posts]
    await _publish(tx, list(zip(posts, causes, strict=True)))
    await record(tx, who, *on_record.posts_published(posts))
    return {"post_ids": [post.post_id for post in posts]}


async def take_posts(batch: Sequence[Received[PostPublished]], who: Principal, tx: Tx) -> None:
    """Publish posts that another service sent as events, each on the journey that it is on there."""
    for received in batch:
        who.require(member=received.event.author_id, hide=("account", received.event.author_id))
    await _publish(tx, [(received.event, received.as_cause) for received in batch])


ingest.take(router, {PostPublished: take_posts})


@router.get("/v1/posts/{post_id}")
@allowed("anybody")
async def get_post(post_id: Identifier, tx: TxDependency) -> PostView:
    """A post with its card and counters."""
    return _view(await store.post(tx, post_id) or not_found("post", post_id))


@router.post("/v1/posts/{post_id}/card/taps", status_code=201)
@allowed("member", "operator")
@audited("card.tap", own="member", shows=("viewer_id",))
async def tap_card(post_id: Identifier, viewer: Viewer, who: Who, tx: TxDependency) -> CardView:
    """Open the mini-program from the card; the answer says which page of which version."""
    who.require(member=viewer.viewer_id, hide=("account", viewer.viewer_id))
    card = await _open_card(tx, post_id, viewer.viewer_id)
    await store.count(tx, "taps", [post_id])
    said = CardTapped(
        viewer_id=viewer.viewer_id, post_id=post_id, program_id=card["program_id"], version=card["version"]
    )
    tx.publish(said, cause=_cause(card))
    if who.is_staff:
        await record(tx, who, Change("card.tap", f"post:{post_id}", after=viewer.model_dump()))
    return CardView(**{name: card[name] for name in CardView.model_fields})


@router.post("/v1/posts/{post_id}/card/solutions", status_code=201)
@allowed("member", "operator")
@audited("card.solve", own="member", shows=("viewer_id",))
async def solve(post_id: Identifier, viewer: Viewer, who: Who, tx: TxDependency) -> dict[str, str]:
    """Say that a viewer got done in the mini-program what the post was about."""
    who.require(member=viewer.viewer_id, hide=("account", viewer.viewer_id))
    card = await _open_card(tx, post_id, viewer.viewer_id)
    await store.count(tx, "solved", [post_id])
    said = ServiceSolved(viewer_id=viewer.viewer_id, post_id=post_id, program_id=card["program_id"])
    tx.publish(said, cause=_cause(card))
    if who.is_staff:
        await record(tx, who, Change("card.solve", f"post:{post_id}", after=viewer.model_dump()))
    return {"post_id": post_id}


@router.post("/v1/posts/{post_id}/card/requests", status_code=202)
@allowed("member", "operator")
@audited("request.place", own="member", shows=("viewer_id", "total_minor"))
async def request_service(post_id: Identifier, wanted: NewRequest, who: Who, tx: TxDependency) -> RequestView:
    """Join the light membership on credit and order, in one go. Prices are those of the version in force."""
    who.require(member=wanted.viewer_id, hide=("account", wanted.viewer_id))
    card = await _open_card(tx, post_id, wanted.viewer_id)
    program = await store.program(tx, card["program_id"]) or _not_yet(post_id)
    priced = domain.price([(line.sku, line.units) for line in wanted.lines], program)
    if isinstance(priced, Refusal):
        raise Problem(422, priced.kind, priced.detail)
    said = ServiceRequested(
        viewer_id=wanted.viewer_id,
        order_id=tx.new_id(),
        post_id=post_id,
        program_id=program.program_id,
        merchant_id=program.merchant_id,
        lines=priced.lines,
        total=priced.total,
        destination=wanted.destination.coarse(),
        mode=wanted.mode,
        coupon_id=wanted.coupon_id,
    )
    await store.save_request(tx, said, _cause(card))
    await store.count(tx, "requested", [post_id])
    tx.publish(said, cause=_cause(card))
    if who.is_staff:
        await record(tx, who, on_record.request_placed(said))
    return _request_view(await store.request(tx, said.order_id) or not_found("request", said.order_id))


@router.post("/v1/requests/{order_id}/cancellation", status_code=202)
@allowed("member", "operator")
@audited("request.cancel", own="member")
async def cancel_request(order_id: Identifier, viewer: Viewer, who: Who, tx: TxDependency) -> RequestView:
    """Ask to cancel; it takes effect unless the goods have left."""
    who.require(member=viewer.viewer_id, hide=("account", viewer.viewer_id))
    row = await store.request(tx, order_id) or not_found("request", order_id)
    if row["viewer_id"] != viewer.viewer_id:
        not_found("request", order_id)
    if row["status"] not in CANCELLABLE:
        raise Problem(409, "ended", f"request {order_id!r} is {row['status']}: there is nothing left to cancel")
    tx.publish(RequestCancelled(viewer_id=viewer.viewer_id, order_id=order_id), cause=Cause(row["correlation_id"]))
    if who.is_staff:
        await record(tx, who, Change("request.cancel", f"order:{order_id}"))
    return _request_view(row)


@router.get("/v1/requests/{order_id}")
@allowed("member", "operator")
async def get_request(order_id: Identifier, who: Who, tx: TxDependency) -> RequestView:
    """A request, and how far it is."""
    row = await store.request(tx, order_id) or not_found("request", order_id)
    who.require(member=row["viewer_id"], hide=("request", order_id))
    return _request_view(row)


@router.get("/v1/accounts/{account_id}/requests")
@allowed("member", "operator")
async def list_requests(account_id: Identifier, who: Who, tx: TxDependency) -> list[RequestView]:
    """A viewer's latest requests."""
    who.require(member=account_id, hide=("account", account_id))
    return [_request_view(row) for row in await store.requests_of(tx, account_id)]


@router.get("/v1/accounts/{account_id}/timeline")
@allowed("member", "operator")
async def get_timeline(
    account_id: Identifier,
    who: Who,
    tx: TxDependency,
    cursor: Annotated[str | None, Query(max_length=200, description="next_cursor of the page before")] = None,
    limit: Annotated[int, Query(ge=1, le=100)] = 20,
) -> Timeline:
    """Posts of those an account follows, and its own, newest first. A walk neither skips nor repeats."""
    who.require(member=account_id, hide=("account", account_id))
    before = Cursor.decode(cursor) if cursor else None
    if cursor and before is None:
        raise Problem(422, "bad_cursor", "the cursor is not one of ours: start without one")
    if account_id not in await store.accounts_known(tx, [account_id]):
        not_found("account", account_id)
    rows = await store.timeline(tx, account_id, before, limit + 1)  # one more, to know whether there is a next page
    page = rows[:limit]
    last = Cursor(page[-1]["published_at"], page[-1]["number"]).encode() if len(rows) > limit else None
    return Timeline(posts=[_view(row) for row in page], next_cursor=last)


@router.get("/v1/summary")
@allowed("viewer")
async def get_summary(tx: TxDependency) -> dict[str, Any]:
    """Counts of posts, cards by state and requests by status."""
    return await store.summary(tx)


async def _save_accounts(tx: Tx, who: Who, accounts: list[tuple[str, str, str | None]]) -> None:
    """Save accounts. Of staff it is on record which changed, and of what kind they are; not what they are called."""
    if not who.is_staff:
        await store.save_accounts(tx, accounts)
        return
    known = await store.lock_accounts(tx, [account_id for account_id, _, _ in accounts])
    latest = {
        account_id: {"name": name, "kind": kind or known.get(account_id, {}).get("kind", "personal")}
        for account_id, name, kind in accounts
    }
    await store.save_accounts(tx, accounts)
    await record(tx, who, *on_record.accounts_put(known, latest))


async def _follow(tx: Tx, who: Who, follows: list[Follow]) -> None:
    for follow in follows:
        if follow.follower_id == follow.followee_id:
            raise Problem(422, "follows_itself", f"account {follow.follower_id!r} cannot follow itself")
    await _known(tx, {name for follow in follows for name in (follow.follower_id, follow.followee_id)})
    await store.save_follows(tx, [(follow.follower_id, follow.followee_id) for follow in follows])
    if who.is_staff:
        await record(tx, who, *on_record.follows_added(follows))


async def _known(tx: Tx, account_ids: set[str]) -> None:
    for account_id in sorted(account_ids - await store.accounts_known(tx, account_ids)):
        not_found("account", account_id)


def _post(tx: Tx, post: NewPost) -> PostPublished:
    post_id = post.post_id or tx.new_id()
    return PostPublished(
        post_id=post_id, author_id=post.author_id, text=post.text, program_id=post.program_id, card=post.card
    )


async def _publish(tx: Tx, posts: Sequence[tuple[PostPublished, Cause]]) -> None:
    """Publish posts, each with its cause. An id is a post's for good."""
    await _known(tx, {post.author_id for post, _ in posts})
    for post_id, times in Counter(post.post_id for post, _ in posts).items():
        if times > 1:
            raise Problem(409, "post_exists", f"post {post_id!r} is there {times} times")
    rows = [(post.post_id, post.author_id, post.text, post.program_id) for post, _ in posts]
    fresh = await store.save_posts(tx, rows, [cause.correlation_id for _, cause in posts])
    for post, cause in posts:
        if post.post_id not in fresh:
            raise Problem(409, "post_exists", f"post {post.post_id!r} is published already")
        tx.publish(post, cause=cause)


async def _open_card(tx: Tx, post_id: str, viewer_id: str) -> asyncpg.Record:
    """The card on a post, if a viewer may use it now."""
    await _known(tx, {viewer_id})
    card = await store.card(tx, post_id) or not_found("post", post_id)
    if card["state"] == "unavailable":
        raise Problem(409, "card_unavailable", f"the card cannot be used: {card['reason']}", reason=card["reason"])
    if card["state"] == "resolving" or card["version"] is None:
        _not_yet(post_id)
    return card


def _not_yet(post_id: str) -> Any:  # noqa: ANN401  # never returns
    raise Problem(409, "card_resolving", f"the card on post {post_id!r} is still being resolved: try again shortly")


def _cause(card: asyncpg.Record) -> Cause:
    """What viewers do with a card continues the journey of its post."""
    return Cause(card["correlation_id"], card["causation_id"])


def _view(row: asyncpg.Record) -> PostView:
    return PostView(
        **{name: row[name] for name in ("post_id", "author_id", "text", "published_at")},
        card=CardView(**{name: row[name] for name in CardView.model_fields}),
        counters={name: row[name] for name in ("taps", "solved", "requested", "fulfilled")},
    )


def _request_view(row: asyncpg.Record) -> RequestView:
    return RequestView(**{name: row[name] for name in RequestView.model_fields})
